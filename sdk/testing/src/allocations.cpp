// Counts what the plugin's own code takes from the heap, so that "allocates nothing per request" is
// a test. Linked into test programs only.

#include <pkernel/testing/host.hpp>

#include <cstdlib>
#include <new>

void* operator new(std::size_t size) {
    if (pk::testing::here().plugin) ++pk::testing::here().allocations;
    if (void* p = std::malloc(size == 0 ? 1 : size)) return p;
    throw std::bad_alloc();
}
void operator delete(void* p) noexcept {
    std::free(p);
}
void operator delete(void* p, std::size_t) noexcept {
    std::free(p);
}
