#include "head.hpp"

#include <charconv>

namespace http2 {

namespace {

pk_str bytes_of(nghttp2_rcbuf* text) noexcept {
    const nghttp2_vec v = nghttp2_rcbuf_get_buf(text);
    return {reinterpret_cast<const char*>(v.base), v.len};
}

// nghttp2 has seen to it that there are digits only.
std::int64_t length_of(pk_str digits) noexcept {
    std::int64_t n = -1;
    std::from_chars(digits.data, digits.data + digits.size, n);
    return n;
}

}  // namespace

void request_head::add(nghttp2_rcbuf* name, nghttp2_rcbuf* value, const pk_codec_limits& limits) {
    const std::string_view key = pk::view(bytes_of(name));
    const pk_str text = bytes_of(value);
    bytes_ += key.size() + text.size + 32;
    const bool pseudo = key.starts_with(':');
    if (!pseudo && ++count_ > limits.fields) fail(fault::too_large);
    if (bytes_ > limits.head_bytes) fail(fault::too_large);
    if (fault_ != fault::none) return;
    held_.push_back(name);
    nghttp2_rcbuf_incref(name);
    held_.push_back(value);
    nghttp2_rcbuf_incref(value);
    if (pseudo)
        add_pseudo(key, text, limits);
    else
        add_field(key, text, limits);
}

void request_head::add_pseudo(std::string_view name, pk_str value, const pk_codec_limits& limits) {
    if (name == ":path") {
        if (value.size > limits.target_bytes) return fail(fault::target_too_long);
        head_.target = value;
    } else if (name == ":method") {
        head_.method = value;
    } else if (name == ":scheme") {
        head_.scheme = value;
    } else if (name == ":authority") {
        head_.authority = value;
    } else if (name == ":protocol") {
        head_.upgrade = value;
    }
}

void request_head::add_field(std::string_view name, pk_str value, const pk_codec_limits& limits) {
    if (value.size > limits.field_bytes) return fail(fault::too_large);
    if (name == "host") {
        if (host_seen_) return fail(fault::malformed);
        host_seen_ = true;
        host_ = value;
        return;
    }
    if (name == "te") return;  // "trailers", which is what we can do anyway; it ends here.
    if (name == "cookie") return add_crumb(value, limits);
    if (name == "content-length") head_.content_length = length_of(value);
    fields_.push_back({pk::str(name), value, PK_FIELD_OTHER, 0});
}

// RFC 9113 8.2.3: for one who knows nothing of crumbs they are one field, "; " between them.
void request_head::add_crumb(pk_str value, const pk_codec_limits& limits) {
    if (cookie_ == none) {
        cookie_ = fields_.size();
        fields_.push_back({pk::str("cookie"), value, PK_FIELD_COOKIE, 0});
        return;
    }
    if (crumbs_.empty()) crumbs_ = pk::view(fields_[cookie_].value);
    if (crumbs_.size() + 2 + value.size > limits.field_bytes) return fail(fault::too_large);
    crumbs_.append("; ").append(pk::view(value));
}

request_head::fault request_head::finish() {
    if (!crumbs_.empty()) fields_[cookie_].value = pk::str(crumbs_);
    head_.fields = {fields_.data(), static_cast<std::uint32_t>(fields_.size()), sizeof(pk_field)};
    settle_authority();
    settle_connect();
    return fault_;
}

// RFC 9113 8.3.1: a Host that names another than :authority makes the request malformed.
void request_head::settle_authority() noexcept {
    if (!host_seen_) return;
    if (head_.authority.size == 0)
        head_.authority = host_;
    else if (!pk::same_token(pk::view(head_.authority), pk::view(host_)))
        fail(fault::malformed);
}

// An extended CONNECT is an upgrade in the words that filters know (codec.h).
void request_head::settle_connect() noexcept {
    if (pk::view(head_.method) != "CONNECT") return;
    if (head_.upgrade.size == 0)
        connect_ = true;
    else
        head_.method = pk::str("GET");
}

void request_head::clear() noexcept {
    for (nghttp2_rcbuf* each : held_) nghttp2_rcbuf_decref(each);
    held_.clear();
    fields_.clear();
    crumbs_.clear();
    if (fields_.capacity() > kept_max) {
        fields_.shrink_to_fit();
        held_.shrink_to_fit();
        crumbs_.shrink_to_fit();
    }
    head_ = blank;
    fault_ = fault::none;
    connect_ = host_seen_ = false;
    host_ = {};
    count_ = 0;
    bytes_ = 0;
    cookie_ = none;
}

}  // namespace http2
