#include "kernel/http/writer.hpp"

#include <cstring>

namespace pkernel::http {

namespace {

// Short runs, as those of a head are, by two moves that overlap: a call costs more than they do.
template <std::size_t Width>
void put_ends(char* at, const char* from, std::size_t size) noexcept {
    std::memcpy(at, from, Width);
    std::memcpy(at + size - Width, from + size - Width, Width);
}

char* put(char* at, std::string_view s) noexcept {
    const char* from = s.data();
    const std::size_t size = s.size();
    if (size > 64) {
        std::memcpy(at, from, size);
    } else if (size >= 16) {
        for (std::size_t i = 0; i + 16 < size; i += 16) std::memcpy(at + i, from + i, 16);
        std::memcpy(at + size - 16, from + size - 16, 16);
    } else if (size >= 8) {
        put_ends<8>(at, from, size);
    } else if (size >= 4) {
        put_ends<4>(at, from, size);
    } else {
        for (std::size_t i = 0; i < size; ++i) at[i] = from[i];
    }
    return at + size;
}

}  // namespace

void head_writer::text(std::string_view s) noexcept {
    if (s.size() > static_cast<std::size_t>(end_ - at_)) {
        overflowed_ = true;
        return;
    }
    at_ = put(at_, s);
}

void head_writer::field(std::string_view name, std::string_view value) noexcept {
    if (name.size() + value.size() + 4 > static_cast<std::size_t>(end_ - at_)) {
        overflowed_ = true;
        return;
    }
    char* at = put(at_, name);
    *at++ = ':';
    *at++ = ' ';
    at = put(at, value);
    *at++ = '\r';
    *at++ = '\n';
    at_ = at;
}

void head_writer::fields_of(const fields& all) noexcept {
    for (const pk_field& f : all) field(to_view(f.name), to_view(f.value));
}

std::size_t head_size_bound(const fields& all, std::size_t extra) noexcept {
    std::size_t size = extra + 2;
    for (const pk_field& f : all) size += f.name.size + f.value.size + 4;
    return size;
}

}  // namespace pkernel::http
