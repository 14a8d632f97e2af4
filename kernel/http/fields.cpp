#include "kernel/http/fields.hpp"

#include <algorithm>
#include <cstring>

#include "kernel/http/characters.hpp"

namespace pkernel::http {

namespace {

constexpr std::uint32_t first_capacity = 32;

bool has_underscore_in(std::string_view name) noexcept {
    const char* p = name.data();
    std::size_t n = name.size();
    constexpr std::uint64_t ones = 0x0101010101010101u;
    for (; n >= 8; p += 8, n -= 8) {
        std::uint64_t w;
        std::memcpy(&w, p, 8);
        w ^= ones * '_';
        if ((w - ones) & ~w & (ones << 7)) return true;
    }
    for (; n > 0; ++p, --n)
        if (*p == '_') return true;
    return false;
}

bool is_named(const pk_field& f, std::string_view name) noexcept {
    return f.name.size == name.size() && same_text(to_view(f.name), name);
}

}  // namespace

void fields::grow() {
    const auto larger = std::max(capacity_ * 2, first_capacity);
    void* memory = arena_->allocate(larger * sizeof(pk_field), alignof(pk_field));
    auto* to = static_cast<pk_field*>(memory);
    if (count_) std::memcpy(to, first_, count_ * sizeof(pk_field));
    first_ = to;
    capacity_ = larger;
}

std::size_t fields::bytes() const noexcept {
    std::size_t n = alignof(pk_field);
    for (const pk_field& f : *this) n += sizeof f + f.name.size + f.value.size;
    return n;
}

void fields::move_to(base::arena& to) {
    pk_field* all = nullptr;
    if (count_)
        all = static_cast<pk_field*>(to.allocate(count_ * sizeof(pk_field), alignof(pk_field)));
    for (std::uint32_t i = 0; i < count_; ++i) {
        const pk_field& f = first_[i];
        const auto known = field_name(f.id), name = to_view(f.name);
        all[i] = {to_str(known == name ? known : to.copy(name)), to_str(to.copy(to_view(f.value))),
                  f.id, f.flags};
    }
    first_ = all;
    capacity_ = count_;
}

void fields::note_underscore(std::string_view name) noexcept {
    if (!underscore_) underscore_ = has_underscore_in(name);
}

const pk_field* fields::find(std::uint32_t id, std::uint32_t from) const noexcept {
    if (id >= PK_FIELD_COUNT || !has(id)) return nullptr;
    for (std::uint32_t i = from; i < count_; ++i)
        if (first_[i].id == id) return first_ + i;
    return nullptr;
}

const pk_field* fields::find(std::string_view name, std::uint32_t from) const noexcept {
    const auto id = field_id(name);
    if (id != PK_FIELD_OTHER) return find(id, from);
    if (!has(PK_FIELD_OTHER)) return nullptr;
    for (std::uint32_t i = from; i < count_; ++i)
        if (first_[i].id == PK_FIELD_OTHER && is_named(first_[i], name)) return first_ + i;
    return nullptr;
}

std::uint32_t fields::remove(std::uint32_t id) noexcept {
    if (id >= PK_FIELD_COUNT || !has(id)) return 0;
    return remove_if([id](const pk_field& f) { return f.id == id; });
}

std::uint32_t fields::remove(std::string_view name) noexcept {
    const auto id = field_id(name);
    if (id != PK_FIELD_OTHER) return remove(id);
    if (!has(PK_FIELD_OTHER)) return 0;
    return remove_if(
        [name](const pk_field& f) { return f.id == PK_FIELD_OTHER && is_named(f, name); });
}

void fields::set(std::string_view name, std::string_view value, std::uint32_t id) {
    const pk_field* found = id == PK_FIELD_OTHER ? find(name) : find(id);
    if (!found) return append(name, value, id);
    const auto at = static_cast<std::uint32_t>(found - first_);
    first_[at].name = to_str(name);
    first_[at].value = to_str(value);
    std::uint32_t kept = at + 1;
    for (std::uint32_t i = at + 1; i < count_; ++i) {
        const bool same = first_[i].id == id && (id != PK_FIELD_OTHER || is_named(first_[i], name));
        if (!same) first_[kept++] = first_[i];
    }
    count_ = kept;
}

}  // namespace pkernel::http
