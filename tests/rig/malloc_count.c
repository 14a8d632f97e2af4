/* Preloaded into the proxy: counts allocations and splices of the process, the most bytes that were
 * spliced between two epoll_waits, and the sockets that were told to gather (SO_RCVLOWAT); writes
 * it to the file that PKRIG_MALLOC_COUNT names when the process ends. With PKRIG_SPLICE_PAUSE
 * (microseconds) each splice is as slow as that, so that both peers are always faster than the
 * proxy. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void* __libc_malloc(size_t);
extern void* __libc_calloc(size_t, size_t);
extern void* __libc_realloc(void*, size_t);
extern void* __libc_memalign(size_t, size_t);

static unsigned long count, splices, burst, burst_max, gathered;
static useconds_t pause_us;

static void one_more(void) {
    __atomic_fetch_add(&count, 1, __ATOMIC_RELAXED);
}

void* malloc(size_t n) {
    one_more();
    return __libc_malloc(n);
}
void* calloc(size_t n, size_t size) {
    one_more();
    return __libc_calloc(n, size);
}
void* realloc(void* p, size_t n) {
    one_more();
    return __libc_realloc(p, n);
}
void* aligned_alloc(size_t align, size_t n) {
    one_more();
    return __libc_memalign(align, n);
}
void* memalign(size_t align, size_t n) {
    one_more();
    return __libc_memalign(align, n);
}
int posix_memalign(void** out, size_t align, size_t n) {
    one_more();
    *out = __libc_memalign(align, n);
    return *out ? 0 : 12;
}

ssize_t splice(int from, off64_t* at, int to, off64_t* to_at, size_t n, unsigned flags) {
    const ssize_t moved = syscall(SYS_splice, from, at, to, to_at, n, flags);
    if (moved > 0) __atomic_fetch_add(&splices, 1, __ATOMIC_RELAXED);
    if (moved > 0) burst += (unsigned long)moved;
    if (burst > burst_max) burst_max = burst;
    if (pause_us) usleep(pause_us);
    return moved;
}

int epoll_wait(int fd, struct epoll_event* into, int most, int timeout) {
    burst = 0;
    return (int)syscall(SYS_epoll_wait, fd, into, most, timeout);
}

int setsockopt(int fd, int level, int option, const void* value, socklen_t size) {
    if (level == SOL_SOCKET && option == SO_RCVLOWAT && *(const int*)value > 1)
        __atomic_fetch_add(&gathered, 1, __ATOMIC_RELAXED);
    return (int)syscall(SYS_setsockopt, fd, level, option, value, size);
}

__attribute__((constructor)) static void ask(void) {
    const char* us = getenv("PKRIG_SPLICE_PAUSE");
    if (us) pause_us = (useconds_t)atoi(us);
}

__attribute__((destructor)) static void tell(void) {
    const char* path = getenv("PKRIG_MALLOC_COUNT");
    if (!path) return;
    char text[160];
    const int n =
        snprintf(text, sizeof text, "allocations=%lu splices=%lu burst=%lu gathered=%lu\n", count,
                 splices, burst_max, gathered);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return;
    if (write(fd, text, (size_t)n) != n) _exit(99);
    close(fd);
}
