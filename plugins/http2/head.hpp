// The head, or the trailers, of a request while its fields arrive.
//
// nghttp2 has judged each field by RFC 9113 (names in lower case, no field of the connection,
// pseudo fields known, first and once). What is left is done here: limits, counted field by field
// before one is kept; :authority against Host; the crumbs of a cookie joined.
// Bytes are not copied: nghttp2's reference counted strings are held until clear().

#pragma once

#include <nghttp2/nghttp2.h>
#include <pkernel/codec.hpp>

#include <string>
#include <vector>

namespace http2 {

class request_head {
public:
    enum class fault {
        none,
        target_too_long,  // 414
        too_large,        // 431
        malformed,
    };

    request_head() = default;
    ~request_head() { clear(); }
    request_head(const request_head&) = delete;
    request_head& operator=(const request_head&) = delete;

    // One field more. Over a limit nothing is kept any more, only counted.
    void add(nghttp2_rcbuf* name, nghttp2_rcbuf* value, const pk_codec_limits& limits);

    // All have come. The views of head() and trailers() live until clear().
    fault finish();
    const pk_codec_head& head() const noexcept { return head_; }
    pk_field_view trailers() const noexcept { return head_.fields; }
    bool is_connect() const noexcept { return connect_; }

    // Gives back what it holds; a large head leaves no large memory behind.
    void clear() noexcept;

private:
    void add_pseudo(std::string_view name, pk_str value, const pk_codec_limits& limits);
    void add_field(std::string_view name, pk_str value, const pk_codec_limits& limits);
    void add_crumb(pk_str value, const pk_codec_limits& limits);
    void settle_authority() noexcept;
    void settle_connect() noexcept;
    void fail(fault why) noexcept {
        if (fault_ == fault::none) fault_ = why;
    }

    pk_codec_head head_ = blank;
    fault fault_ = fault::none;
    bool connect_ = false;
    bool host_seen_ = false;
    pk_str host_{};
    std::uint32_t count_ = 0;
    std::uint64_t bytes_ = 0;
    std::size_t cookie_ = none;  // Its place among the fields.
    std::vector<pk_field> fields_;
    std::vector<nghttp2_rcbuf*> held_;
    std::string crumbs_;  // Of a cookie that came in several, joined.

    static constexpr std::size_t none = static_cast<std::size_t>(-1);
    static constexpr std::size_t kept_max = 32;  // Fields that memory is kept for.
    static constexpr pk_codec_head blank{sizeof(pk_codec_head),          0, {}, {}, {}, {}, {},
                                         {nullptr, 0, sizeof(pk_field)}, -1};
};

}  // namespace http2
