/* The ELF note that every plugin carries, read from the file's bytes before any of its code runs.
 *
 * Section .note.pkernel, owner "pkernel", type PKERNEL_NOTE_TYPE, descriptor a pk_note. A file
 * without it is not a plugin and is refused with a sentence. In C++ PKERNEL_PLUGIN emits it, in C
 * PKERNEL_C_NOTE.
 */
#ifndef PKERNEL_ABI_NOTE_H
#define PKERNEL_ABI_NOTE_H

#include <stdint.h>

#define PKERNEL_NOTE_OWNER "pkernel"
#define PKERNEL_NOTE_TYPE 0x706b0001u
#define PKERNEL_NOTE_MAGIC 0x6c6e726bu /* "krnl", little endian: also tells the byte order */

typedef struct pk_note {
    uint32_t magic;
    uint32_t size;      /* of this struct */
    uint32_t abi_major; /* must equal the kernel's */
    uint32_t abi_minor; /* least minor that the plugin needs; computed from what it uses */
    char name[48];      /* NUL-terminated; equals the file's name without .so */
    char version[24];   /* NUL-terminated; the plugin's own */
    char build_id[48];  /* of the SDK that it was built with; compared only if a draft is needed */
    char needs[256];    /* ids that the host must offer, each NUL-terminated, then an empty one */
} pk_note;

/* As it lies in the file. */
typedef struct pk_note_section {
    uint32_t owner_size;
    uint32_t note_size;
    uint32_t type;
    char owner[8];
    pk_note note;
} pk_note_section;

/* Once, at file scope of a plugin in C. Such a plugin needs ABI 1.0 and no service: it asks for
 * each with host->get and copes without, or fails create. */
#define PKERNEL_C_NOTE(plugin_name, plugin_version)                           \
    __attribute__((section(".note.pkernel"), used,                            \
                   aligned(4))) static const pk_note_section pkernel_note = { \
        sizeof PKERNEL_NOTE_OWNER,                                            \
        sizeof(pk_note),                                                      \
        PKERNEL_NOTE_TYPE,                                                    \
        PKERNEL_NOTE_OWNER,                                                   \
        {PKERNEL_NOTE_MAGIC, sizeof(pk_note), 1, 0, plugin_name, plugin_version, "source", ""}}

#endif
