// The instance: one use of http2 in a listener. Shared by all workers, constant once made.

#pragma once

#include <nghttp2/nghttp2.h>

#include <array>
#include <memory>

#include "session.hpp"
#include "settings.hpp"

namespace http2 {

class plugin {
public:
    using connection = session;
    static constexpr std::string_view version = "2.0";

    plugin(const settings& conf, pk::host& host);

    std::span<const pk_str> protocols() const noexcept { return ids_; }
    // Prior knowledge: all of the preface of RFC 9113 3.4, and nothing less.
    std::uint32_t probe(std::string_view first) const noexcept;

    const settings& conf() const noexcept { return conf_; }
    const nghttp2_session_callbacks* callbacks() const noexcept { return callbacks_.get(); }
    const nghttp2_option* option() const noexcept { return option_.get(); }
    std::chrono::nanoseconds now() const noexcept { return clock_.now(); }
    // A connection that was ended for what its peer did.
    void count_calmed() const noexcept { calmed_.add(); }

private:
    struct deleter {
        void operator()(nghttp2_session_callbacks* c) const { nghttp2_session_callbacks_del(c); }
        void operator()(nghttp2_option* o) const { nghttp2_option_del(o); }
    };

    const settings conf_;
    const pk::clock clock_;
    const pk::counter calmed_;
    const std::array<pk_str, 1> ids_{pk::str("h2")};
    std::unique_ptr<nghttp2_session_callbacks, deleter> callbacks_;
    std::unique_ptr<nghttp2_option, deleter> option_;
};

// Sends what nghttp2 has to say to the session's member functions; callbacks.cpp.
void set_callbacks(nghttp2_session_callbacks& all);

}  // namespace http2
