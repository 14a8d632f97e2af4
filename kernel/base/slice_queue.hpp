// Bytes that wait to go on: slices in order, with their total. Two of them, a head and the
// beginning of its body, say, stand in itself; it keeps what storage it has got for more, so a warm
// one allocates nothing.

#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "kernel/base/block.hpp"

namespace pkernel::base {

class slice_queue {
public:
    slice_queue() = default;
    slice_queue(const slice_queue&) = delete;
    slice_queue& operator=(const slice_queue&) = delete;

    bool empty() const noexcept { return count_ == 0; }
    std::size_t count() const noexcept { return count_; }
    std::size_t bytes() const noexcept { return bytes_; }
    // What it costs to keep: many small slices cost more than their bytes.
    std::size_t held() const noexcept { return bytes_ + count_ * sizeof(slice); }

    void push(slice s) {
        if (s.empty()) return;
        if (count_ > 0 && at()[first_ + count_ - 1].absorb(s)) {
            bytes_ += s.size();
            return;
        }
        if (first_ + count_ == capacity_) make_room();
        bytes_ += s.size();
        at()[first_ + count_++] = std::move(s);
    }

    slice& front() noexcept { return at()[first_]; }
    const slice* begin() const noexcept { return at() + first_; }

    slice pop() noexcept {
        slice s = std::move(front());
        bytes_ -= s.size();
        drop_first();
        return s;
    }

    // Drops the first `n` bytes.
    void consume(std::size_t n) noexcept {
        bytes_ -= n;
        while (n > 0) {
            slice& s = front();
            if (n < s.size()) {
                s.drop_front(n);
                return;
            }
            n -= s.size();
            s = slice();
            drop_first();
        }
    }

    // Moves the first `n` bytes to the end of `to`.
    void move_to(slice_queue& to, std::size_t n) {
        while (n > 0) {
            slice& s = front();
            if (n < s.size()) {
                to.push(s.front(n));
                consume(n);
                return;
            }
            n -= s.size();
            to.push(pop());
        }
    }

    // The first slices as vectors for a write; how many were filled.
    int gather(iovec* out, int max) const noexcept {
        const auto n = count_ < static_cast<std::size_t>(max) ? static_cast<int>(count_) : max;
        for (int i = 0; i < n; ++i) {
            const slice& s = begin()[i];
            out[i] = {const_cast<char*>(s.data()), s.size()};
        }
        return n;
    }

    pk_slice_view view() const noexcept {
        return {count_ ? begin()->raw() : nullptr, count_, sizeof(slice)};
    }
    // The first slices that have at most `most` bytes together, or the first alone; and how many
    // these are.
    pk_slice_view view(std::uint64_t most, std::uint64_t* bytes) const noexcept {
        pk_slice_view v = view();
        if ((*bytes = bytes_) <= most) return v;
        *bytes = 0;
        for (v.count = 0; v.count == 0 || *bytes + begin()[v.count].size() <= most; ++v.count)
            *bytes += begin()[v.count].size();
        return v;
    }

    void clear() noexcept {
        while (count_ > 0) {
            front() = slice();
            drop_first();
        }
        bytes_ = 0;
    }

private:
    static constexpr std::uint32_t inline_max = 2, heap_min = 8;

    slice* at() noexcept { return heap_ ? heap_.get() : inline_; }
    const slice* at() const noexcept { return heap_ ? heap_.get() : inline_; }
    void drop_first() noexcept {
        ++first_;
        if (--count_ == 0) first_ = 0;
    }
    void make_room() {
        if (first_ > 0 && first_ >= capacity_ / 2) {
            std::move(at() + first_, at() + first_ + count_, at());
            first_ = 0;
            return;
        }
        const auto more = std::max(capacity_ * 2, heap_min);
        std::unique_ptr<slice[]> larger(new slice[more]);
        std::move(at() + first_, at() + first_ + count_, larger.get());
        heap_ = std::move(larger);
        capacity_ = more;
        first_ = 0;
    }

    std::uint32_t first_ = 0;
    std::uint32_t count_ = 0;
    std::uint32_t capacity_ = inline_max;
    std::size_t bytes_ = 0;
    slice inline_[inline_max];
    std::unique_ptr<slice[]> heap_;
};

}  // namespace pkernel::base
