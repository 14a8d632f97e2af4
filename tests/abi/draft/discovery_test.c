/* A file of addresses as pk.discovery/1: what a name stands for is told within watch and whenever
 * the file changes; when it cannot be read, what was told stays. At a reload two are watched for a
 * moment; of the one that was let go nothing is told.
 */
#include "pkernel/abi/discovery.h"

#include "check.h"

/* ---- The kernel's side ---- */
typedef struct upstream {
    pk_discovery_upstream face;
    uint32_t count;
    uint8_t last; /* byte of the first address */
    char why[32];
} upstream;
static upstream before, after;

static pk_status found(const pk_discovery_upstream* u, uint32_t entry, const pk_discovered* all,
                       uint32_t count, uint32_t stride) {
    upstream* self = u == &before.face ? &before : &after;
    if (entry >= u->entry_count || stride < sizeof(pk_discovered)) return PK_INVALID;
    self->count = count;
    self->last = count != 0 ? all->addresses[0].bytes[3] : 0;
    self->why[0] = 0;
    return PK_OK;
}
static void failed(const pk_discovery_upstream* u, uint32_t entry, pk_str why) {
    upstream* self = u == &before.face ? &before : &after;
    if (entry >= u->entry_count || why.size >= sizeof self->why) return;
    memcpy(self->why, why.data, why.size);
    self->why[why.size] = 0;
}

/* ---- The plugin ---- */
static const pk_discovery_upstream* watched[2];
static pk_address content[2];
static uint32_t lines;
static int readable = 1;

static void tell(const pk_discovery_upstream* u) {
    pk_discovered all[2];
    uint32_t i;
    memset(all, 0, sizeof all);
    for (i = 0; i < lines; ++i) {
        all[i].address_count = 1;
        all[i].addresses = &content[i];
    }
    if (!readable) return u->failed(u, 0, str("the file is gone"));
    CHECK(u->found(u, 0, all, lines, sizeof all[0]) == PK_OK);
    CHECK(u->found(u, 1, all, lines, sizeof all[0]) == PK_INVALID);
}
static void watch(void* instance, const pk_discovery_upstream* u) {
    (void)instance;
    watched[watched[0] != NULL] = u;
    tell(u);
}
static void unwatch(void* instance, const pk_discovery_upstream* u) {
    (void)instance;
    watched[watched[1] == u] = NULL;
}
static void changed(void) {
    uint32_t i;
    for (i = 0; i < 2; ++i)
        if (watched[i] != NULL) tell(watched[i]);
}
static const pk_discovery plugin = {sizeof(pk_discovery), 0, NULL, watch, unwatch};

int main(void) {
    static const pk_discovery_entry names[1] = {{{"app", 3}, 80, 0}};
    before.face.size = sizeof before.face;
    before.face.entries = names;
    before.face.entry_count = 1;
    before.face.entry_stride = sizeof names[0];
    before.face.found = found;
    before.face.failed = failed;
    after = before;

    content[0].family = content[1].family = 4;
    content[0].bytes[3] = 1;
    content[1].bytes[3] = 2;
    lines = 1;
    plugin.watch(NULL, &before.face);
    CHECK(before.count == 1 && before.last == 1); /* told within watch */
    lines = 2;
    changed();
    CHECK(before.count == 2);
    readable = 0;
    changed();
    CHECK(before.count == 2 && strcmp(before.why, "the file is gone") == 0);
    readable = 1;
    plugin.watch(NULL, &after.face);
    CHECK(after.count == 2 && before.why[0] != 0);
    plugin.unwatch(NULL, &before.face);
    lines = 0; /* none is an answer, too */
    changed();
    CHECK(after.count == 0 && before.count == 2);
    plugin.unwatch(NULL, &after.face);
    return check_failures();
}
