#include "kernel/http/framing.hpp"

#include <limits>

#include "kernel/http/characters.hpp"

namespace pkernel::http {

namespace {

constexpr std::uint64_t length_max = std::numeric_limits<std::int64_t>::max();

bool fail(parse_fault& fault, std::uint16_t status, const char* cause) noexcept {
    fault = {status, cause};
    return false;
}

bool read_length(std::string_view text, std::uint64_t& out) noexcept {
    // 19 digits are the longest that 2^63 - 1 needs, and cannot overflow.
    if (text.empty() || text.size() > 19) return false;
    std::uint64_t n = 0;
    for (const char c : text) {
        if (!is_a(c, char_digit)) return false;
        n = n * 10 + static_cast<std::uint64_t>(c - '0');
    }
    out = n;
    return n <= length_max;
}

// Of Transfer-Encoding and Content-Length alone.
bool declared_framing(const fields& all, std::uint8_t version_minor, std::uint16_t status,
                      framing& out, parse_fault& fault) noexcept {
    out.kind = body_kind::none;
    out.length = 0;
    const pk_field* length = all.find(PK_FIELD_CONTENT_LENGTH);
    if (const pk_field* coding = all.find(PK_FIELD_TRANSFER_ENCODING)) {
        if (length) return fail(fault, status, "content_length_and_transfer_encoding");
        if (version_minor == 0) return fail(fault, status, "transfer_encoding_in_http10");
        const auto next = static_cast<std::uint32_t>(coding - all.begin()) + 1;
        if (all.find(PK_FIELD_TRANSFER_ENCODING, next))
            return fail(fault, status, "bad_transfer_encoding");
        const auto value = to_view(coding->value);
        if (!same_text(value, "chunked")) {
            const bool other = is_token(value);
            return fail(fault, other && status == 400 ? 501 : status,
                        other ? "unsupported_transfer_coding" : "bad_transfer_encoding");
        }
        out.kind = body_kind::chunked;
        return true;
    }
    for (const pk_field* f = length; f;) {
        std::uint64_t n = 0;
        if (!read_length(to_view(f->value), n)) return fail(fault, status, "bad_content_length");
        if (f != length && n != out.length) return fail(fault, status, "content_lengths_differ");
        out.kind = body_kind::length;
        out.length = n;
        f = all.find(PK_FIELD_CONTENT_LENGTH, static_cast<std::uint32_t>(f - all.begin()) + 1);
    }
    return true;
}

// Reads the Connection fields in one pass. Their options are bounded, since each is compared with
// each field later.
bool read_connection(const fields& all, std::uint8_t version_minor, std::uint16_t status,
                     framing& out, parse_fault& fault) noexcept {
    constexpr int options_max = 100;
    out.keep_alive = version_minor >= 1;
    if (!all.has(PK_FIELD_CONNECTION)) return true;
    bool close = false;
    int options = 0;
    for (const pk_field& f : all) {
        if (f.id != PK_FIELD_CONNECTION) continue;
        for (auto rest = to_view(f.value); !rest.empty();) {
            const auto option = next_element(rest);
            if (++options > options_max)
                return fail(fault, status == 400 ? 431 : status, "too_many_connection_options");
            close |= same_text(option, "close");
            out.keep_alive = out.keep_alive || same_text(option, "keep-alive");
        }
    }
    out.keep_alive &= !close;
    return true;
}

// Fields that a Connection option takes along. Other well-known fields are meant for the recipient:
// a sender may not name them there, and whoever does so tries to have them removed (S26).
bool is_hop_by_hop(std::uint32_t id) noexcept {
    switch (id) {
        case PK_FIELD_CONNECTION:
        case PK_FIELD_KEEP_ALIVE:
        case PK_FIELD_PROXY_CONNECTION:
        case PK_FIELD_TE:
        case PK_FIELD_TRANSFER_ENCODING:
        case PK_FIELD_UPGRADE:
        case PK_FIELD_HTTP2_SETTINGS:
            return true;
        default:
            return false;
    }
}

constexpr std::uint32_t hop_by_hop_ids[] = {
    PK_FIELD_CONNECTION,        PK_FIELD_KEEP_ALIVE, PK_FIELD_PROXY_CONNECTION, PK_FIELD_TE,
    PK_FIELD_TRANSFER_ENCODING, PK_FIELD_UPGRADE,    PK_FIELD_HTTP2_SETTINGS};

// Reads the array, not the presence bits, which remove_if is about to rebuild.
bool is_named_by_connection(const fields& all, const pk_field& named) noexcept {
    if (named.id != PK_FIELD_OTHER) return false;
    for (const pk_field& f : all) {
        if (f.id != PK_FIELD_CONNECTION) continue;
        for (auto rest = to_view(f.value); !rest.empty();)
            if (same_text(next_element(rest), to_view(named.name))) return true;
    }
    return false;
}

// True when some Connection option is a name without an id, so that it may concern a field.
bool connection_names_others(const fields& all) noexcept {
    for (const pk_field& f : all) {
        if (f.id != PK_FIELD_CONNECTION) continue;
        for (auto rest = to_view(f.value); !rest.empty();) {
            const auto option = next_element(rest);
            if (option.empty() || same_text(option, "close")) continue;
            if (field_id(option) == PK_FIELD_OTHER) return true;
        }
    }
    return false;
}

}  // namespace

bool request_framing(const request_head& head, framing& out, parse_fault& fault) {
    return declared_framing(head.headers, head.version_minor, 400, out, fault) &&
           read_connection(head.headers, head.version_minor, 400, out, fault);
}

bool response_framing(const response_head& head, bool to_head, bool to_connect, framing& out,
                      parse_fault& fault) {
    if (!declared_framing(head.headers, head.version_minor, 502, out, fault) ||
        !read_connection(head.headers, head.version_minor, 502, out, fault))
        return false;
    const auto status = head.status;
    const bool bodiless =
        to_head || status < 200 || status == 204 || status == 304 || (to_connect && status < 300);
    if (bodiless) {
        out.kind = body_kind::none;
        out.length = 0;
    } else if (out.kind == body_kind::none) {
        out.kind = body_kind::until_close;
        out.keep_alive = false;
    }
    return true;
}

bool lists_token(const fields& all, std::uint32_t id, std::string_view token) noexcept {
    if (!all.find(id)) return false;
    for (const pk_field& f : all) {
        if (f.id != id) continue;
        for (auto rest = to_view(f.value); !rest.empty();)
            if (same_text(next_element(rest), token)) return true;
    }
    return false;
}

void remove_connection_fields(fields& all) noexcept {
    bool any = false;
    for (const auto id : hop_by_hop_ids) any |= all.has(id);
    if (!any) return;
    const bool others =
        all.has(PK_FIELD_CONNECTION) && all.has(PK_FIELD_OTHER) && connection_names_others(all);
    if (others) all.remove_if([&all](const pk_field& f) { return is_named_by_connection(all, f); });
    all.remove_if([](const pk_field& f) { return is_hop_by_hop(f.id); });
}

}  // namespace pkernel::http
