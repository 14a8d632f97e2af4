#include "kernel/http/writer.hpp"

#include <charconv>
#include <cstring>

namespace pkernel::http {

namespace {

char* put(char* at, std::string_view s) noexcept {
    if (!s.empty()) std::memcpy(at, s.data(), s.size());
    return at + s.size();
}

}  // namespace

void head_writer::text(std::string_view s) noexcept {
    if (s.size() > static_cast<std::size_t>(end_ - at_)) {
        overflowed_ = true;
        return;
    }
    at_ = put(at_, s);
}

void head_writer::number(std::uint64_t n) noexcept {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof(digits), n).ptr;
    text({digits, static_cast<std::size_t>(end - digits)});
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

void write_framing(head_writer& out, const framing& f) noexcept {
    if (f.kind == body_kind::chunked) {
        out.text("Transfer-Encoding: chunked\r\n");
    } else if (f.kind == body_kind::length) {
        out.text("Content-Length: ");
        out.number(f.length);
        out.text("\r\n");
    }
}

}  // namespace pkernel::http
