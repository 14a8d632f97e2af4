/* CHECK prints what failed and goes on; a test's main returns check_failures(). */
#ifndef PKERNEL_TESTS_ABI_CHECK_H
#define PKERNEL_TESTS_ABI_CHECK_H

#include <stdio.h>
#include <string.h>

#include "pkernel/abi/base.h"

static int check_failed;

static inline void check_that(int holds, const char* text, const char* file, int line) {
    if (holds) return;
    fprintf(stderr, "%s:%d: failed: %s\n", file, line, text);
    ++check_failed;
}
#define CHECK(x) check_that((x) ? 1 : 0, #x, __FILE__, __LINE__)

static inline int check_text(const char* got, size_t size, const char* want, const char* file,
                             int line) {
    if (size == strlen(want) && (size == 0 || memcmp(got, want, size) == 0)) return 1;
    fprintf(stderr, "%s:%d: failed: got \"%.*s\"\n%*swant \"%s\"\n", file, line, (int)size, got,
            (int)strlen(file) + 11, "", want);
    ++check_failed;
    return 0;
}
#define CHECK_TEXT(got, size, want) check_text(got, size, want, __FILE__, __LINE__)

static inline int check_failures(void) {
    return check_failed == 0 ? 0 : 1;
}

static inline pk_str str(const char* text) {
    pk_str s;
    s.data = text;
    s.size = strlen(text);
    return s;
}
static inline int same(pk_str a, const char* b) {
    return a.size == strlen(b) && (a.size == 0 || memcmp(a.data, b, a.size) == 0);
}

#endif
