// PK_CHECK: what must hold. Stays on in release builds; a failed one ends the engine, not the
// master.

#pragma once

#include <cstdio>
#include <cstdlib>

#define PK_CHECK(condition)                                                                    \
    do {                                                                                       \
        if (!(condition)) [[unlikely]] {                                                       \
            std::fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, #condition); \
            std::abort();                                                                      \
        }                                                                                      \
    } while (0)
