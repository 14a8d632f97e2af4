#include "kernel/http/chunked.hpp"

#include <algorithm>

#include "kernel/http/characters.hpp"

namespace pkernel::http {

namespace {

constexpr unsigned digits_max = 16;
constexpr unsigned extension_max = 256;
constexpr unsigned extensions_max = 16 * 1024;
constexpr std::uint64_t overhead_max = 64 * 1024;

}  // namespace

chunked_decoder::step chunked_decoder::next(std::string_view bytes, parse_fault& fault) noexcept {
    const char* const from = bytes.data();
    const char* const end = from + bytes.size();
    const char* at = from;
    const auto consumed = [&] { return static_cast<std::size_t>(at - from); };
    while (at != end && state_ != state::done) {
        if (state_ == state::data) {
            const auto n = static_cast<std::size_t>(
                std::min<std::uint64_t>(left_, static_cast<std::uint64_t>(end - at)));
            const std::string_view run(at, n);
            at += n;
            left_ -= n;
            data_total_ += n;
            if (left_ == 0) state_ = state::data_cr;
            return {event::data, consumed(), run};
        }
        const char* bad = take(*at++);
        if (!bad && ++framing_total_ > data_total_ + overhead_max) bad = "chunk_overhead";
        if (bad) {
            fault = {400, bad};
            return {event::bad, consumed(), {}};
        }
    }
    return {state_ == state::done ? event::trailers : event::need_more, consumed(), {}};
}

// One byte of framing; null, or why it is bad.
const char* chunked_decoder::take(char c) noexcept {
    switch (state_) {
        case state::size:
            return take_size(c);
        case state::extension:
            return take_extension(c);
        case state::size_lf:
            if (c != '\n') return "bare_cr";
            if (left_ >> 63) return "chunk_too_large";
            digits_ = 0;
            extension_size_ = 0;
            state_ = left_ == 0 ? state::done : state::data;
            return nullptr;
        case state::data_cr:
            state_ = state::data_lf;
            return c == '\r' ? nullptr : "bad_chunk_end";
        case state::data_lf:
            state_ = state::size;
            return c == '\n' ? nullptr : "bad_chunk_end";
        default:
            return "bad_chunk";
    }
}

const char* chunked_decoder::take_size(char c) noexcept {
    if (is_a(c, char_hex)) {
        if (digits_ == digits_max) return "bad_chunk_size";
        ++digits_;
        left_ = left_ << 4 | hex_value(c);
        return nullptr;
    }
    if (digits_ == 0) return "bad_chunk_size";
    if (c == '\n') return "bare_lf";
    if (c != '\r' && c != ';') return "bad_chunk_size";
    state_ = c == '\r' ? state::size_lf : state::extension;
    part_ = part::name_start;
    return nullptr;
}

const char* chunked_decoder::take_extension(char c) noexcept {
    if (c == '\n') return "bare_lf";
    if (c == '\r' && (part_ == part::name || part_ == part::value || part_ == part::value_end)) {
        state_ = state::size_lf;
        return nullptr;
    }
    if (++extension_size_ > extension_max || ++extension_total_ > extensions_max)
        return "chunk_extension_too_long";
    return take_part(c) ? nullptr : "bad_chunk_extension";
}

// *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ), but no blank before the first.
bool chunked_decoder::take_part(char c) noexcept {
    const bool token = is_a(c, char_token);
    const bool of_name = part_ == part::name || part_ == part::name_blank;
    switch (part_) {
        case part::quoted:
            if (c == '"') part_ = part::value_end;
            if (c == '\\') part_ = part::escaped;
            return is_a(c, char_value);
        case part::escaped:
            part_ = part::quoted;
            return is_a(c, char_value);
        case part::name_start:
            if (token) part_ = part::name;
            return token || is_blank(c);
        case part::value_start:
            if (token) part_ = part::value;
            if (c == '"') part_ = part::quoted;
            return token || is_blank(c) || c == '"';
        default:
            if (token) return part_ == part::name || part_ == part::value;
            if (is_blank(c)) part_ = of_name ? part::name_blank : part::value_blank;
            if (c == ';') part_ = part::name_start;
            if (c == '=' && of_name) part_ = part::value_start;
            return is_blank(c) || c == ';' || (c == '=' && of_name);
    }
}

std::size_t write_chunk_head(std::uint64_t size, char* out) noexcept {
    char* at = out;
    unsigned shift = 60;
    while (shift > 0 && size >> shift == 0) shift -= 4;
    for (;; shift -= 4) {
        *at++ = "0123456789abcdef"[size >> shift & 15];
        if (shift == 0) break;
    }
    *at++ = '\r';
    *at++ = '\n';
    return static_cast<std::size_t>(at - out);
}

}  // namespace pkernel::http
