/* pk.logger/1: a line in the kernel's own log, with the instance's label in front. */
#ifndef PKERNEL_ABI_LOGGER_H
#define PKERNEL_ABI_LOGGER_H

#include "pkernel/abi/host.h"

#define PK_LOGGER_ID "pk.logger/1"

enum { PK_LOG_DEBUG = 0, PK_LOG_INFO = 1, PK_LOG_WARNING = 2, PK_LOG_ERROR = 3 };

typedef struct pk_logger {
    uint32_t size;
    uint32_t reserved;
    /* [any] Bytes are escaped by the kernel; lines over 4 KiB are cut with a mark. */
    void (*write)(const pk_host* host, uint32_t level, pk_str line);
    uint32_t (*enabled)(const pk_host* host, uint32_t level); /* [any] 1 or 0 */
} pk_logger;

#endif
