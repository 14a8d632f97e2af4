/* What a plugin is: one exported function that returns a constant struct.
 *
 * Everything else is reached by string id. A kernel asks get("pk.http_filter/1") and so on for each
 * extension point that the config uses the plugin at; a plugin asks its host for services the same
 * way.
 *
 * An instance is one use of a plugin in the config. Its life, all [control], with side effects only
 * where named:
 *
 *  - create: reads its options, allocates; opens nothing that another generation may hold.
 *  - validate: says no while that is still free. May read files, must not change anything outside.
 *  - start: may open sockets, start threads, take over state.
 *  - worker_init and worker_exit: [worker], once a worker, before its first and after its last
 *    stream.
 *  - stop: no stream uses it any more; ends threads.
 *  - destroy: frees. After it returns the kernel holds no pointer into the instance, and never
 * calls it.
 *
 * A create that fails is followed by nothing; a validate or start that fails is followed by
 * destroy.
 */
#ifndef PKERNEL_ABI_PLUGIN_H
#define PKERNEL_ABI_PLUGIN_H

#include "pkernel/abi/base.h"
#include "pkernel/abi/host.h"
#include "pkernel/abi/options.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The part that is the same at each extension point. Optional members may be null. */
typedef struct pk_factory {
    uint32_t size;
    uint32_t reserved;
    const pk_option_table* options; /* null: takes none */

    /* [control] Makes an instance. `options` is a PK_OPT_TABLE node in the table's order. On
     * failure says why through host->error and returns something else than PK_OK; *instance is then
     * not read. `host` is the instance's own and lives until destroy returns. */
    pk_status (*create)(const pk_host* host, const pk_node* options, void** instance);
    pk_status (*validate)(void* instance);                     /* optional */
    pk_status (*start)(void* instance);                        /* optional */
    pk_status (*worker_init)(void* instance, uint32_t worker); /* [worker] optional */
    void (*worker_exit)(void* instance, uint32_t worker);      /* [worker] optional */
    void (*stop)(void* instance);                              /* optional */
    void (*destroy)(void* instance);

    /* [control] Optional, both or neither: hands state from the instance of the last generation to
     * its successor in the same place. import is called between create and validate; `version` is
     * the plugin's own business. The bytes live until import returns. */
    pk_status (*export_state)(void* instance, uint32_t* version, pk_str* bytes);
    pk_status (*import_state)(void* instance, uint32_t version, pk_str bytes);
} pk_factory;

typedef struct pk_plugin {
    uint32_t size;
    uint32_t abi_major; /* PKERNEL_ABI_MAJOR, _MINOR of the SDK that it was built with */
    uint32_t abi_minor;
    uint32_t reserved;
    pk_str name; /* [a-z][a-z0-9_]*, the file's name without .so */
    pk_str version;
    pk_str summary; /* one line */
    pk_str licence; /* SPDX expression */

    /* [any] The table of the extension point `id` ("pk.handler/1"), or null. Each such table begins
     * with { uint32_t size; uint32_t reserved; const pk_factory* factory; }. Constant for the
     * file's life. */
    const void* (*get)(pk_str id);
} pk_plugin;

/* [control] The one exported symbol. Must not allocate, throw or have side effects. In C++
 * PKERNEL_PLUGIN defines it. */
__attribute__((visibility("default"))) const pk_plugin* pk_plugin_entry(void);
typedef const pk_plugin* (*pk_plugin_entry_fn)(void);
#define PKERNEL_ENTRY_SYMBOL "pk_plugin_entry"

#ifdef __cplusplus
}
#endif

#endif
