// The ordered fields of one message: what plugins see is this very array.
//
// Names and values are views into the head's block or the stream's arena; nothing is owned but the
// array, which stands in the arena. Lookup is by well-known id (one bit test tells absence) or by
// name without case.

#pragma once

#include <cstdint>
#include <string_view>

#include "kernel/base/arena.hpp"
#include "pkernel/abi/base.h"
#include "pkernel/abi/field_ids.h"

namespace pkernel::http {

inline pk_str to_str(std::string_view s) noexcept {
    return {s.data(), s.size()};
}
inline std::string_view to_view(pk_str s) noexcept {
    return s.size ? std::string_view(s.data, s.size) : std::string_view();
}

// The id of a name in any case, or PK_FIELD_OTHER.
std::uint32_t field_id(std::string_view name) noexcept;
// The lower-case name of an id; empty for PK_FIELD_OTHER and unknown ids.
std::string_view field_name(std::uint32_t id) noexcept;

class fields {
public:
    explicit fields(base::arena& arena) noexcept : arena_(&arena) {}
    fields(const fields&) = delete;
    fields& operator=(const fields&) = delete;

    std::uint32_t size() const noexcept { return count_; }
    bool empty() const noexcept { return count_ == 0; }
    const pk_field* begin() const noexcept { return first_; }
    const pk_field* end() const noexcept { return first_ + count_; }
    const pk_field& operator[](std::uint32_t i) const noexcept { return first_[i]; }
    pk_field_view view() const noexcept { return {first_, count_, sizeof(pk_field)}; }

    // A name of the message has an underscore (rule 13 of the ABI looks closer then).
    bool has_underscore() const noexcept { return underscore_; }
    bool has(std::uint32_t id) const noexcept { return (present_[id >> 6] >> (id & 63)) & 1; }

    // Any of a set of ids, given as a bit mask.
    bool has_any(const std::uint64_t (&ids)[2]) const noexcept {
        return ((present_[0] & ids[0]) | (present_[1] & ids[1])) != 0;
    }

    // The views must outlive this; `id` must be that of the name.
    void append(std::string_view name, std::string_view value, std::uint32_t id) {
        if (count_ == capacity_) grow();
        first_[count_++] = {to_str(name), to_str(value), id, 0};
        mark(id);
        if (id == PK_FIELD_OTHER) note_underscore(name);  // No well-known name has one.
    }
    void append(std::string_view name, std::string_view value) {
        append(name, value, field_id(name));
    }

    // The first field of the id or name, at or after `from`; null when there is none.
    const pk_field* find(std::uint32_t id, std::uint32_t from = 0) const noexcept;
    const pk_field* find(std::string_view name, std::uint32_t from = 0) const noexcept;

    // Keeps order. Answer how many were removed.
    std::uint32_t remove(std::uint32_t id) noexcept;
    std::uint32_t remove(std::string_view name) noexcept;
    template <class Predicate>
    std::uint32_t remove_if(Predicate&& drop) noexcept {
        std::uint32_t kept = 0;
        const auto before = count_;
        present_[0] = present_[1] = 0;
        for (std::uint32_t i = 0; i < before; ++i) {
            if (drop(static_cast<const pk_field&>(first_[i]))) continue;
            first_[kept] = first_[i];
            mark(first_[kept++].id);
        }
        count_ = kept;
        return before - kept;
    }

    // Replaces the first of the name and removes its others, or appends.
    void set(std::string_view name, std::string_view value, std::uint32_t id);

    void clear() noexcept {
        count_ = 0;
        present_[0] = present_[1] = 0;
        underscore_ = false;
    }

    // What move_to takes of the other arena, at the most.
    std::size_t bytes() const noexcept;
    // The same fields, with nothing of them outside `to`. What is added later comes from the own
    // arena again.
    void move_to(base::arena& to);

    // Empty, and without storage: the arena is about to be reset.
    void forget() noexcept {
        clear();
        first_ = nullptr;
        capacity_ = 0;
    }

private:
    static_assert(PK_FIELD_COUNT <= 128);
    void mark(std::uint32_t id) noexcept { present_[id >> 6] |= std::uint64_t{1} << (id & 63); }
    void note_underscore(std::string_view name) noexcept;
    void grow();

    base::arena* arena_;
    pk_field* first_ = nullptr;
    std::uint32_t count_ = 0;
    std::uint32_t capacity_ = 0;
    std::uint64_t present_[2] = {0, 0};  // Bit 0 of the first word: some field has no id.
    bool underscore_ = false;
};

}  // namespace pkernel::http
