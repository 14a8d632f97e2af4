/* Options: declared once by the plugin as a table, read and checked by the kernel, handed over as
 * typed nodes. From the table come the reader, every error text, the JSON Schema and the reference
 * page.
 */
#ifndef PKERNEL_ABI_OPTIONS_H
#define PKERNEL_ABI_OPTIONS_H

#include "pkernel/abi/base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    PK_OPT_NONE = 0,     /* as a node: absent, and the option has no default */
    PK_OPT_BOOL = 1,     /* true | false                    -> integer 0 or 1 */
    PK_OPT_INTEGER = 2,  /* 42                              -> integer */
    PK_OPT_TEXT = 3,     /* any scalar                      -> text */
    PK_OPT_SIZE = 4,     /* 64KiB, 1MiB, 10MB, 512B         -> integer, bytes; a unit is needed */
    PK_OPT_DURATION = 5, /* 250ms, 10s, 5m, 1h30m, 30d      -> integer, ns; a unit is needed */
    PK_OPT_RATE = 6,     /* 100/s, 10/m, 5/10s              -> integer count per `period` ns */
    PK_OPT_ADDRESS = 7,  /* 127.0.0.1:80, [::1]:80, unix:/p -> address and text */
    PK_OPT_CIDR = 8,     /* 10.0.0.0/8, ::1                 -> address with prefix, and text */
    PK_OPT_PATH = 9,     /* a file system path, made absolute to the config file -> text */
    PK_OPT_FILE = 10, /* a path whose file the kernel reads -> text = its bytes, path = its path */
    PK_OPT_FIELD_NAME = 11, /* an RFC 9110 token              -> text, lower case */
    PK_OPT_STATUS = 12,     /* 100..599                        -> integer */
    PK_OPT_ENUM = 13,   /* one of `choices`                -> integer = index, text = the word */
    PK_OPT_LIST = 14,   /* list of `element`               -> children */
    PK_OPT_MAP = 15,    /* map from text to `element`      -> children, each with its key */
    PK_OPT_TABLE = 16,  /* nested options of `table`       -> children in the table's order */
    PK_OPT_PLUGIN = 17, /* name or {name: options}: an instance of `point` -> handle */
    PK_OPT_FIELD_VALUE = 18 /* text that is a legal field value (no control bytes) -> text */
};

/* Flags of an option. */
enum {
    PK_OPTION_MAIN =
        1u, /* may be given as the plugin's bare value; a scalar or a list, one a table */
    PK_OPTION_REQUIRED = 2u, /* an error when absent */
    PK_OPTION_SECRET = 4u,   /* never shown in logs, dumps or errors */
    PK_OPTION_HAS_MIN = 8u,
    PK_OPTION_HAS_MAX = 16u,
    PK_OPTION_NOT_EMPTY = 32u /* text, list or map must have at least one element */
};

struct pk_option_table;

typedef struct pk_option {
    pk_str name;         /* snake_case */
    uint32_t type;       /* PK_OPT_... */
    uint32_t flags;      /* PK_OPTION_... */
    pk_str default_text; /* as one would write it in the config; size 0: none */
    pk_str doc;          /* one line */
    pk_str since;        /* the plugin's version that brought it; may be empty */
    int64_t min;         /* bounds of a number in its base unit (bytes, ns) */
    int64_t max;
    const struct pk_option* element;     /* PK_OPT_LIST, PK_OPT_MAP: what each element is */
    const struct pk_option_table* table; /* PK_OPT_TABLE */
    const pk_str* choices;               /* PK_OPT_ENUM */
    uint32_t choice_count;
    uint32_t reserved;
    pk_str point; /* PK_OPT_PLUGIN: the extension point's id */
} pk_option;

typedef struct pk_option_table {
    uint32_t size;
    uint32_t stride; /* sizeof(pk_option) at the maker's */
    const pk_option* first;
    uint32_t count;
    uint32_t reserved;
} pk_option_table;

/* Flags of a node. */
enum { PK_NODE_GIVEN = 1u /* stood in the config; else it is the default */ };

/* A checked value. Nodes of an instance live from create until its destroy returns. */
typedef struct pk_node {
    uint32_t type;  /* PK_OPT_..., PK_OPT_NONE when absent */
    uint32_t flags; /* PK_NODE_... */
    int64_t integer;
    int64_t period; /* PK_OPT_RATE, ns */
    pk_str text;
    pk_str key;  /* in a map */
    pk_str path; /* PK_OPT_FILE */
    pk_address address;
    const void* handle; /* PK_OPT_PLUGIN: the inner instance, as its point's header describes it */
    const struct pk_node* first; /* children of a list, map or table */
    uint32_t count;
    uint32_t stride;
    pk_str file; /* where it stood, for host->error */
    uint32_t line;
    uint32_t column;
} pk_node;

#ifdef __cplusplus
}
#endif

#endif
