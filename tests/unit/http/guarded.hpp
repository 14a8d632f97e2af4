// Text whose end is the end of a page that may be read: a read past it faults.

#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string_view>

namespace pkernel::http::test {

class guarded {
public:
    guarded() {
        void* p =
            mmap(nullptr, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) throw std::runtime_error("mmap");
        begin_ = static_cast<char*>(p);
        mprotect(begin_ + size, page, PROT_NONE);
    }
    ~guarded() { munmap(begin_, size + page); }
    guarded(const guarded&) = delete;
    guarded& operator=(const guarded&) = delete;

    // The copy lives until the next call; what stood right before it is overwritten.
    std::string_view hold(std::string_view text) {
        if (text.size() > size) throw std::length_error("more than a guarded text holds");
        char* at = begin_ + size - text.size();
        const auto before = std::min<std::size_t>(256, size - text.size());
        std::memset(at - before, '\xee', before);
        if (!text.empty()) std::memcpy(at, text.data(), text.size());
        return {at, text.size()};
    }

private:
    static constexpr std::size_t page = 4096;
    static constexpr std::size_t size = 32 * page;
    char* begin_;
};

}  // namespace pkernel::http::test
