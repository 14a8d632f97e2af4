// Writes HTTP/1.1 heads into a block: the only place where a message's wire form is made.

#pragma once

#include <cstdint>
#include <string_view>

#include "kernel/http/fields.hpp"

namespace pkernel::http {

// Appends to a fixed buffer; remembers when it did not fit.
class head_writer {
public:
    head_writer(char* at, std::size_t capacity) noexcept
        : begin_(at), at_(at), end_(at + capacity) {}

    void text(std::string_view s) noexcept;
    // "name: value\r\n"
    void field(std::string_view name, std::string_view value) noexcept;
    void fields_of(const fields& all) noexcept;
    void finish() noexcept { text("\r\n"); }

    bool overflowed() const noexcept { return overflowed_; }
    std::size_t size() const noexcept { return static_cast<std::size_t>(at_ - begin_); }

private:
    char* begin_;
    char* at_;
    char* end_;
    bool overflowed_ = false;
};

// What a head of `all` fields needs at most, with `extra` for lines added by the caller.
std::size_t head_size_bound(const fields& all, std::size_t extra) noexcept;

// "HTTP/1.1 200 OK\r\n" with the standard reason phrase (RFC 9110 15), as constant text; without a
// phrase for other codes of three digits. Any other number is written as 500.
std::string_view status_line(std::uint32_t status) noexcept;
std::string_view reason_phrase(std::uint32_t status) noexcept;

// RFC 9110 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT" into 29 bytes.
void format_http_date(std::int64_t unix_seconds, char* out) noexcept;

}  // namespace pkernel::http
