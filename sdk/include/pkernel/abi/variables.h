/* pk.variables/1: named values of a stream, for keys, templates and logs.
 *
 * Known without a plugin: client_ip client_port host method path query scheme target request_id
 * route listener status upstream endpoint attempts failed_attempts body_kept queue_ms end_reason
 * and field.<name> (of the request; all its values joined by ", "), query.<name>, cookie.<name>. */
#ifndef PKERNEL_ABI_VARIABLES_H
#define PKERNEL_ABI_VARIABLES_H

#include "pkernel/abi/host.h"
#include "pkernel/abi/stream.h"

#define PK_VARIABLES_ID "pk.variables/1"

typedef struct pk_variables {
    uint32_t size;
    uint32_t reserved;
    /* [control] During create: turns a name into a number, good for any stream and, in a log, for
     * the record's. PK_NOT_FOUND: no such variable (report it at the option's node). */
    pk_status (*resolve)(const pk_host* host, pk_str name, uint32_t* variable);
    /* [worker] Its value now; size 0 and PK_NOT_FOUND when it has none. Lives as long as the
     * stream, or until a tunnel begins on it. */
    pk_status (*get)(pk_stream* s, uint32_t variable, pk_str* value);
} pk_variables;

#endif
