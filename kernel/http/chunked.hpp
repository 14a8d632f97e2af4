// The chunked transfer coding (RFC 9112 7.1), read as a pure state machine over any split of its
// bytes.

#pragma once

#include <cstdint>
#include <string_view>

#include "kernel/http/head.hpp"

namespace pkernel::http {

class chunked_decoder {
public:
    enum class event : std::uint8_t {
        need_more,  // All bytes were consumed.
        data,       // `data` is a run of body bytes inside the input; call again with the rest.
        trailers,   // The last chunk was read; the trailer section begins after what was consumed:
                    // parse_trailers takes it from there.
        bad
    };
    struct step {
        event what = event::need_more;
        std::size_t consumed = 0;
        std::string_view data;
    };

    // Strict: 1 to 16 hex digits, size < 2^63, extensions checked and dropped (at most 256 bytes a
    // chunk, 16 KiB a body), CRLF only. A tiny chunk costs its sender: more than 64 KiB of framing
    // over the data counts as bad. After `trailers` or `bad` it is not called again.
    step next(std::string_view bytes, parse_fault& fault) noexcept;

private:
    enum class state : std::uint8_t { size, extension, size_lf, data, data_cr, data_lf, done };
    // Of an extension; a blank part has seen white space behind it.
    enum class part : std::uint8_t {
        name_start,
        name,
        name_blank,
        value_start,
        value,
        quoted,
        escaped,
        value_end,
        value_blank
    };
    const char* take(char c) noexcept;
    const char* take_size(char c) noexcept;
    const char* take_extension(char c) noexcept;
    bool take_part(char c) noexcept;

    std::uint64_t left_ = 0;
    std::uint64_t data_total_ = 0;
    std::uint64_t framing_total_ = 0;
    std::uint32_t extension_total_ = 0;
    std::uint16_t extension_size_ = 0;
    std::uint8_t digits_ = 0;
    part part_ = part::name_start;
    state state_ = state::size;
};

// Writes "<hex size>\r\n" to `out` (at least 18 bytes); the length written.
std::size_t write_chunk_head(std::uint64_t size, char* out) noexcept;

}  // namespace pkernel::http
