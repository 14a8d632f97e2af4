// A message's body as it stands on its connection (RFC 9112 6.3, 7.1): bytes in, runs of data out.
//
// Pure, over any split of its bytes. It knows the framing, the chunks and the trailer section; the
// bytes, and where data goes, are the caller's.

#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "kernel/http/chunked.hpp"
#include "kernel/http/framing.hpp"
#include "kernel/http/head.hpp"

namespace pkernel::http {

class body_reader {
public:
    enum class event : std::uint8_t {
        need_more,  // What was not consumed must come again, with more behind it.
        data,       // `data` is a run of body bytes inside the input. The last one when over().
        end,        // Of chunks and trailers; views of the trailers point into the input.
        bad
    };
    struct step {
        event what = event::need_more;
        std::size_t consumed = 0;
        std::string_view data{};
    };

    // A new body. Of none, or of no length, nothing is to be read: over() is true at once.
    void begin(const framing& f) noexcept {
        kind_ = f.kind;
        left_ = f.kind == body_kind::length ? f.length : 0;
        seen_ = 0;
        in_trailers_ = over_ = false;
        if (kind_ == body_kind::chunked) chunks_ = {};
        if (kind_ == body_kind::none) over_ = true;
        if (kind_ == body_kind::length) over_ = left_ == 0;
    }

    // Requires bytes, and that the body is neither over nor was bad. `trailers` holds what its
    // section has at the end; their limits are a head's.
    step next(std::string_view bytes, const head_limits& limits, fields& trailers,
              parse_fault& fault) {
        if (kind_ == body_kind::chunked) return next_chunked(bytes, limits, trailers, fault);
        if (kind_ == body_kind::length) {
            bytes = bytes.substr(0, std::min<std::uint64_t>(left_, bytes.size()));
            moved(bytes.size());
        }
        return {event::data, bytes.size(), bytes};
    }
    // So many bytes of a body of known length went past: at most left().
    void moved(std::uint64_t n) noexcept {
        left_ -= n;
        over_ = left_ == 0;
    }

    bool over() const noexcept { return over_; }
    // Of a body of known length; 0 of any other.
    std::uint64_t left() const noexcept { return left_; }
    bool has_length() const noexcept { return kind_ == body_kind::length; }
    bool ends_with_connection() const noexcept { return kind_ == body_kind::until_close; }
    // Whether much may still come, so that a large block to read into is worth it.
    bool long_yet() const noexcept { return !has_length() || left_ > 4096; }

private:
    step next_chunked(std::string_view bytes, const head_limits& limits, fields& trailers,
                      parse_fault& fault);

    std::uint64_t left_ = 0;
    chunked_decoder chunks_;
    std::uint32_t seen_ = 0;  // Of the trailer section, without its end; a head's limit bounds it.
    body_kind kind_ = body_kind::none;
    bool in_trailers_ = false;
    bool over_ = true;
};

}  // namespace pkernel::http
