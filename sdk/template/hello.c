/* A handler in plain C: answers every request with a greeting. No option, no state. */

// [note]
#include <pkernel/abi/handler.h>
#include <pkernel/abi/note.h>
#include <string.h>

PKERNEL_C_NOTE("hello", "1.0.0");
// [note]

// [handler]
static pk_verdict request(pk_stream* s) {
    static const pk_field fields[] = {{PK_STR("content-type"), PK_STR("text/plain"), 0, 0}};
    const pk_field_view all = {fields, 1, sizeof(pk_field)};
    const pk_str body = PK_STR("hello from C\n");
    s->api->reply(s, 200, all, body);
    return PK_DONE;
}

static pk_status create(const pk_host* host, const pk_node* options, void** instance) {
    (void)host, (void)options;
    *instance = NULL; /* nothing to keep */
    return PK_OK;
}

static void destroy(void* instance) {
    (void)instance;
}
// [handler]

// [entry]
static const pk_factory factory = {.size = sizeof factory, .create = create, .destroy = destroy};
static const pk_handler handler = {.size = sizeof handler, .factory = &factory, .request = request};

static const void* get(pk_str id) {
    const pk_str mine = PK_STR(PK_HANDLER_ID);
    return id.size == mine.size && memcmp(id.data, mine.data, mine.size) == 0 ? &handler : NULL;
}

const pk_plugin* pk_plugin_entry(void) {
    static const pk_plugin plugin = {
        sizeof plugin,   PKERNEL_ABI_MAJOR, PKERNEL_ABI_MINOR, 0,  PK_STR("hello"),
        PK_STR("1.0.0"), PK_STR("Greets."), PK_STR("MIT"),     get};
    return &plugin;
}
// [entry]
