/* A plugin that does nothing; by macros, one that is wrong in each way that the loader must see. */
#include <stdlib.h>

#include "sample.h"

#ifndef NOTE_MAGIC
#define NOTE_MAGIC PKERNEL_NOTE_MAGIC
#endif
#ifndef NOTE_SIZE
#define NOTE_SIZE sizeof(pk_note)
#endif
#ifndef NOTE_MAJOR
#define NOTE_MAJOR PKERNEL_ABI_MAJOR
#endif
#ifndef NOTE_MINOR
#define NOTE_MINOR 0
#endif
#ifndef NOTE_NAME
#define NOTE_NAME NAME
#endif
#ifndef NOTE_NEEDS
#define NOTE_NEEDS ""
#endif
#ifndef FACE_SIZE
#define FACE_SIZE sizeof(pk_plugin)
#endif
#ifndef FACE_MAJOR
#define FACE_MAJOR PKERNEL_ABI_MAJOR
#endif
#ifndef FACE_NAME
#define FACE_NAME NAME
#endif
#ifndef FACE_GET
#define FACE_GET get
#endif
#ifndef TABLE_SIZE
#define TABLE_SIZE sizeof(sample_table)
#endif
#ifndef CREATE
#define CREATE create
#endif
#ifndef NO_NOTE
SAMPLE_NOTE(NOTE_MAGIC, NOTE_SIZE, NOTE_MAJOR, NOTE_MINOR, NOTE_NAME, "their-build", NOTE_NEEDS);
#endif

/* Shows that code of this file has run. */
__attribute__((constructor)) static void ran(void) {
    setenv("PK_SAMPLE_RAN", NAME, 1);
}

#ifdef UNRESOLVED
extern int nobody_defines_this(void);
#endif

static pk_status create(const pk_host* host, const pk_node* options, void** instance) {
    (void)host, (void)options, (void)instance;
#ifdef UNRESOLVED
    return (pk_status)nobody_defines_this();
#endif
    return PK_OK;
}

static void destroy(void* instance) {
    (void)instance;
}

static const void* get(pk_str id) {
    static const pk_factory factory = {
        .size = sizeof(pk_factory), .create = CREATE, .destroy = destroy};
    static const sample_table table = {TABLE_SIZE, 0, &factory};
    return sample_is(id, SAMPLE_POINT) ? &table : NULL;
}

static const pk_plugin face = {FACE_SIZE,
                               FACE_MAJOR,
                               PKERNEL_ABI_MINOR,
                               0,
                               SAMPLE_STR(FACE_NAME),
                               SAMPLE_STR("1.2.3"),
                               SAMPLE_STR("Does nothing."),
                               SAMPLE_STR("MIT"),
                               FACE_GET};

#ifndef ENTRY_RESULT
#define ENTRY_RESULT &face
#endif
#ifndef NO_ENTRY
SAMPLE_EXPORT const pk_plugin* pk_plugin_entry(void);
SAMPLE_EXPORT const pk_plugin* pk_plugin_entry(void) {
    (void)get, (void)create, (void)face;
    return ENTRY_RESULT;
}
#else
SAMPLE_EXPORT const pk_plugin* another_entry(void);
SAMPLE_EXPORT const pk_plugin* another_entry(void) {
    return &face;
}
#endif
