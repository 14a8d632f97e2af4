/* Has every function of a factory. Each tells the script of the test and answers what that says. */
#include <stdlib.h>

#include "sample.h"

SAMPLE_NOTE(PKERNEL_NOTE_MAGIC, sizeof(pk_note), PKERNEL_ABI_MAJOR, 0, "scripted", "their-build",
            "test.script/1\0");

typedef struct scripted {
    const pk_host* host;
    const sample_script* script;
} scripted;

static pk_status tell(void* instance, const char* what) {
    const scripted* self = instance;
    return self->script->called(self->host, what, NULL);
}

static pk_status create(const pk_host* host, const pk_node* options, void** instance) {
    const sample_script* script = host->get(host, (pk_str)SAMPLE_STR("test.script/1"));
    const pk_status status = script->called(host, "create", options);
    if (status != PK_OK) return status;
    scripted* self = malloc(sizeof *self);
    self->host = host;
    self->script = script;
    *instance = self;
    return PK_OK;
}

static pk_status validate(void* instance) {
    return tell(instance, "validate");
}
static pk_status start(void* instance) {
    return tell(instance, "start");
}
static void stop(void* instance) {
    tell(instance, "stop");
}

static pk_status worker_init(void* instance, uint32_t worker) {
    return tell(instance, worker == 0 ? "init 0" : "init 1");
}

static void worker_exit(void* instance, uint32_t worker) {
    tell(instance, worker == 0 ? "exit 0" : "exit 1");
}

static void destroy(void* instance) {
    scripted last = *(scripted*)instance;
    free(instance);
    tell(&last, "destroy"); /* which may throw */
}

static pk_status export_state(void* instance, uint32_t* version, pk_str* bytes) {
    *version = 7;
    *bytes = (pk_str)SAMPLE_STR("state");
    return tell(instance, "export");
}

static pk_status import_state(void* instance, uint32_t version, pk_str bytes) {
    if (version != 7 || !sample_is(bytes, "state")) return PK_INVALID;
    return tell(instance, "import");
}

static const void* get(pk_str id) {
    static const pk_factory factory = {
        sizeof(pk_factory), 0,           NULL, create,  validate,     start,
        worker_init,        worker_exit, stop, destroy, export_state, import_state};
    static const sample_table table = {sizeof(sample_table), 0, &factory};
    return sample_is(id, SAMPLE_POINT) ? &table : NULL;
}

SAMPLE_EXPORT const pk_plugin* pk_plugin_entry(void);
SAMPLE_EXPORT const pk_plugin* pk_plugin_entry(void) {
    static const pk_plugin face = {sizeof(pk_plugin),
                                   PKERNEL_ABI_MAJOR,
                                   PKERNEL_ABI_MINOR,
                                   0,
                                   SAMPLE_STR("scripted"),
                                   SAMPLE_STR("1.2.3"),
                                   SAMPLE_STR("Does what a test says."),
                                   SAMPLE_STR("MIT"),
                                   get};
    return &face;
}
