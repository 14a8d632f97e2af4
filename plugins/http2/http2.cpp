// http2: HTTP/2 with clients, by ALPN "h2" or with prior knowledge.
//
// nghttp2 frames, compresses and keeps the windows; the kernel has the requests, the bodies and the
// credit. This plugin is what lies between, and the limits that neither of them has.

#include "plugin.hpp"

#include <new>

namespace http2 {

namespace {

constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// Ours, in settings.hpp, are reached first and say goodbye in a better way.
constexpr std::uint64_t beyond_ours = 1'000'000;

template <class T>
T* made_by(int (*make)(T**)) {
    T* made = nullptr;
    if (make(&made) != 0) throw std::bad_alloc();
    return made;
}

}  // namespace

plugin::plugin(const settings& conf, pk::host& host)
    : conf_(conf),
      clock_(host),
      calmed_(host, "calmed", "Connections ended because the client did too much of something."),
      callbacks_(made_by(nghttp2_session_callbacks_new)),
      option_(made_by(nghttp2_option_new)) {
    set_callbacks(*callbacks_);
    nghttp2_option* o = option_.get();
    nghttp2_option_set_no_auto_window_update(o, 1);
    nghttp2_option_set_max_deflate_dynamic_table_size(o, conf.header_table);
    nghttp2_option_set_no_closed_streams(o, 1);
    nghttp2_option_set_stream_reset_rate_limit(o, beyond_ours, beyond_ours);
    // Ours is reached first, as above, also behind a head that was given up.
    nghttp2_option_set_max_continuations(o, conf.continuations + 1);
    nghttp2_option_set_builtin_recv_extension_type(o, NGHTTP2_PRIORITY_UPDATE);
}

std::uint32_t plugin::probe(std::string_view first) const noexcept {
    const std::size_t n = std::min(first.size(), preface.size());
    if (first.substr(0, n) != preface.substr(0, n)) return PK_PROBE_NOT_MINE;
    return n == preface.size() ? PK_PROBE_MINE : PK_PROBE_MORE;
}

}  // namespace http2

PKERNEL_PLUGIN("http2", "1.0.0", "HTTP/2 with clients, over TLS or with prior knowledge.",
               pk::codec<http2::plugin, http2::schema>);
