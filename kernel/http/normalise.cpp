#include "kernel/http/normalise.hpp"

namespace pkernel::http {

namespace {

constexpr std::uint32_t forbidden[] = {PK_FIELD_HOST,
                                       PK_FIELD_CONNECTION,
                                       PK_FIELD_CONTENT_LENGTH,
                                       PK_FIELD_TRANSFER_ENCODING,
                                       PK_FIELD_TE,
                                       PK_FIELD_TRAILER,
                                       PK_FIELD_UPGRADE,
                                       PK_FIELD_KEEP_ALIVE,
                                       PK_FIELD_PROXY_CONNECTION,
                                       PK_FIELD_EXPECT,
                                       PK_FIELD_VIA,
                                       PK_FIELD_FORWARDED,
                                       PK_FIELD_AGE,
                                       PK_FIELD_AUTHORIZATION,
                                       PK_FIELD_CACHE_CONTROL,
                                       PK_FIELD_CONTENT_ENCODING,
                                       PK_FIELD_CONTENT_RANGE,
                                       PK_FIELD_CONTENT_TYPE,
                                       PK_FIELD_COOKIE,
                                       PK_FIELD_DATE,
                                       PK_FIELD_EXPIRES,
                                       PK_FIELD_IF_MATCH,
                                       PK_FIELD_IF_MODIFIED_SINCE,
                                       PK_FIELD_IF_NONE_MATCH,
                                       PK_FIELD_IF_RANGE,
                                       PK_FIELD_IF_UNMODIFIED_SINCE,
                                       PK_FIELD_LOCATION,
                                       PK_FIELD_PROXY_AUTHENTICATE,
                                       PK_FIELD_PROXY_AUTHORIZATION,
                                       PK_FIELD_RANGE,
                                       PK_FIELD_RETRY_AFTER,
                                       PK_FIELD_SET_COOKIE,
                                       PK_FIELD_VARY,
                                       PK_FIELD_WWW_AUTHENTICATE,
                                       PK_FIELD_HTTP2_SETTINGS};

bool is_forbidden(std::uint32_t id) noexcept {
    for (const auto f : forbidden)
        if (f == id) return true;
    return false;
}

}  // namespace

void normalise_length(fields& all, const framing& f, std::uint32_t status) noexcept {
    const pk_field* first = all.find(PK_FIELD_CONTENT_LENGTH);
    if (!first) return;
    if (f.kind == body_kind::chunked || f.kind == body_kind::until_close || status == 204 ||
        status < 200) {
        all.remove(PK_FIELD_CONTENT_LENGTH);
        return;
    }
    const auto next = static_cast<std::uint32_t>(first - all.begin()) + 1;
    if (!all.find(PK_FIELD_CONTENT_LENGTH, next)) return;
    bool seen = false;
    all.remove_if([&seen](const pk_field& x) {
        return x.id == PK_FIELD_CONTENT_LENGTH && std::exchange(seen, true);
    });
}

void remove_forbidden_trailers(fields& trailers) noexcept {
    if (trailers.empty()) return;
    trailers.remove_if([](const pk_field& f) { return is_forbidden(f.id); });
}

}  // namespace pkernel::http
