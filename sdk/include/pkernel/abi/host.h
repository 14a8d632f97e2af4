/* The host: what an instance is given at create, its door to every service.
 *
 * Services are tables reached by id, asked for at create and kept: host->get(host, "pk.timer/1"). A
 * null answer means that this kernel does not have it; a plugin that cannot do without lists the id
 * in its note. There are:
 *
 *  - pk.logger/1, pk.clock/1, pk.timer/1, pk.waker/1, pk.offload/1, pk.subrequest/1, pk.metrics/1,
 *    pk.variables/1, pk.tunnel_service/1: each in the header of its name, the last in tunnel.h.
 *
 * What belongs to one stream (fields, data, replies, arena) is in stream.h, reached from the stream
 * itself.
 */
#ifndef PKERNEL_ABI_HOST_H
#define PKERNEL_ABI_HOST_H

#include "pkernel/abi/base.h"
#include "pkernel/abi/options.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pk_host {
    uint32_t size;
    uint32_t
        worker_count; /* fixed for the life of the process; workers are 0 .. worker_count - 1 */

    /* [control] A service table or null. Lives as long as the process. */
    const void* (*get)(const struct pk_host* host, pk_str id);

    /* [control] During create and validate: reports an error at the position of `node`, or, when it
     * is null, of the instance. May be called several times; the call itself must then fail. One
     * sentence, no newline. */
    void (*error)(const struct pk_host* host, const pk_node* node, pk_str message);
    void (*warning)(const struct pk_host* host, const pk_node* node, pk_str message);

    /* [control] During create: registers a file that the plugin opens itself, so that its content
     * is part of the instance's identity at the next reload. */
    void (*depends_on)(const struct pk_host* host, pk_str path);

    /* [any] Whose instance this is, for messages: "forwarded on route 'api'". Lives as long as the
     * host. */
    pk_str label;
} pk_host;

#ifdef __cplusplus
}
#endif

#endif
