// Memory of a few fixed sizes that is used again: for objects that come and go with each request
// and whose size is known only at run time. One thread only.

#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace pkernel::base {

class chunk_pool {
public:
    static constexpr std::size_t kept_max = 1024;  // Of each size.

    chunk_pool() = default;
    chunk_pool(const chunk_pool&) = delete;
    chunk_pool& operator=(const chunk_pool&) = delete;
    ~chunk_pool() {
        for (shelf& s : shelves_)
            while (s.first) drop(s);
    }

    // Aligned for anything up to 16. Throws std::bad_alloc.
    void* take(std::size_t size) {
        shelf& s = of(size);
        if (!s.first) return ::operator new(s.size);
        --s.count;
        chunk* c = s.first;
        s.first = c->next;
        return c;
    }
    // `size` as it was taken with.
    void give_back(void* memory, std::size_t size) noexcept {
        shelf& s = of(size);
        if (s.count == kept_max) return ::operator delete(memory);
        ++s.count;
        s.first = new (memory) chunk{s.first};
    }

private:
    struct chunk {
        chunk* next;
    };
    struct shelf {
        std::size_t size;
        chunk* first = nullptr;
        std::size_t count = 0;
    };
    shelf& of(std::size_t size) {
        if (size < sizeof(chunk)) size = sizeof(chunk);
        for (shelf& s : shelves_)
            if (s.size == size) return s;
        return shelves_.emplace_back(shelf{size});
    }
    static void drop(shelf& s) noexcept {
        chunk* c = s.first;
        s.first = c->next;
        ::operator delete(c);
    }

    std::vector<shelf> shelves_;
};

}  // namespace pkernel::base
