/* What the samples share: the note, and the point that tests/unit/plugin asks them for. */
#ifndef SAMPLE_H
#define SAMPLE_H

#include <pkernel/abi/note.h>
#include <pkernel/abi/plugin.h>
#include <string.h>

#define SAMPLE_POINT "test.point/1"

typedef struct sample_table {
    uint32_t size;
    uint32_t reserved;
    const pk_factory* factory;
} sample_table;

/* The service "test.script/1": the test hears of each call and says what it answers. */
typedef struct sample_script {
    uint32_t size;
    uint32_t reserved;
    pk_status (*called)(const pk_host* host, const char* what, const pk_node* options);
} sample_script;

typedef struct sample_note {
    uint32_t owner_size, size, type;
    char owner[8];
    pk_note note;
} sample_note;

#define SAMPLE_NOTE(magic_, size_, major, minor, name_, build, needs_)                            \
    __attribute__((section(".note.pkernel"), used, aligned(4))) static const sample_note note = { \
        sizeof PKERNEL_NOTE_OWNER,                                                                \
        sizeof(pk_note),                                                                          \
        PKERNEL_NOTE_TYPE,                                                                        \
        PKERNEL_NOTE_OWNER,                                                                       \
        {magic_, size_, major, minor, name_, "1.2.3", build, needs_}}

#define SAMPLE_STR(s) \
    { s, sizeof(s) - 1 }
#define SAMPLE_EXPORT __attribute__((visibility("default")))

static inline int sample_is(pk_str id, const char* text) {
    return id.size == strlen(text) && memcmp(id.data, text, id.size) == 0;
}

#endif
