#include "kernel/http/target.hpp"

#include "kernel/http/characters.hpp"
#include "kernel/http/framing.hpp"

namespace pkernel::http {

namespace {

bool fail(parse_fault& fault, const char* cause, std::uint16_t status = 400) noexcept {
    fault = {status, cause};
    return false;
}

// The three forms of a target that are served (RFC 9112 3.2), taken apart.
struct target_parts {
    std::string_view authority;  // Of an absolute-form target only.
    std::string_view path;
    std::string_view query;
    bool absolute = false;
    bool has_query = false;
};

bool starts_with_scheme(std::string_view target, std::size_t& size) noexcept {
    for (const std::string_view scheme : {"http://", "https://"})
        if (same_text(target.substr(0, scheme.size()), scheme)) {
            size = scheme.size();
            return true;
        }
    return false;
}

bool split_target(std::string_view target, bool options, target_parts& out) noexcept {
    if (target == "*") {
        out.path = target;
        return options;
    }
    if (target.find('#') != target.npos) return false;
    if (target[0] != '/') {
        std::size_t scheme = 0;
        if (!starts_with_scheme(target, scheme)) return false;
        out.absolute = true;
        target.remove_prefix(scheme);
        const auto end = std::min(target.find_first_of("/?"), target.size());
        out.authority = target.substr(0, end);
        target.remove_prefix(end);
    }
    const auto mark = target.find('?');
    out.path = target.substr(0, mark);
    out.has_query = mark != target.npos;
    if (out.has_query) out.query = target.substr(mark + 1);
    if (out.path.empty()) out.path = options && !out.has_query ? "*" : "/";
    return true;
}

// Host must be there once, whatever the form of the target; an absolute one then replaces it.
bool read_host(request_head& head, const target_parts& target, base::arena& arena, pk_request& out,
               parse_fault& fault) {
    std::string_view host;
    std::uint32_t port = 0;
    std::string_view authority;
    if (const pk_field* f = head.headers.find(PK_FIELD_HOST)) {
        const auto next = static_cast<std::uint32_t>(f - head.headers.begin()) + 1;
        if (head.headers.find(PK_FIELD_HOST, next)) return fail(fault, "many_hosts");
        authority = to_view(f->value);
        if (!read_authority(authority, arena, host, port)) return fail(fault, "bad_host");
        head.headers.remove(PK_FIELD_HOST);
    } else if (head.version_minor >= 1) {
        return fail(fault, "missing_host");
    }
    if (target.absolute) {
        authority = target.authority;
        if (!read_authority(authority, arena, host, port)) return fail(fault, "bad_target");
    }
    out.authority = to_str(authority);
    out.host = to_str(host);
    out.authority_port = port;
    return true;
}

bool read_target(const target_parts& target, base::arena& arena, pk_request& out,
                 parse_fault& fault) {
    path_reading reading;
    if (target.path == "*")
        reading.normal = "/";
    else if (!read_path(target.path, arena, reading))
        return fail(fault, "bad_path");
    out.path = to_str(target.path);
    out.path_normal = to_str(reading.normal);
    out.path_flags = reading.flags;
    out.query = to_str(target.query);
    out.has_query = target.has_query;
    return true;
}

// The value of Upgrade, when the connection option asks for it; several fields as one list.
std::string_view read_upgrade(const request_head& head, base::arena& arena) {
    if (head.version_minor == 0 || !head.headers.has(PK_FIELD_UPGRADE)) return {};
    if (!lists_token(head.headers, PK_FIELD_CONNECTION, "upgrade")) return {};
    std::string_view value;
    for (const pk_field& f : head.headers) {
        if (f.id != PK_FIELD_UPGRADE || f.value.size == 0) continue;
        const auto more = to_view(f.value);
        value = value.empty() ? more : arena.join(value, ", ", more);
    }
    return value;
}

std::uint32_t flags_of(const request_head& head, const framing& body, bool scheme_secure) noexcept {
    std::uint32_t flags = 0;
    if (body.kind == body_kind::chunked || body.length > 0) flags |= PK_REQUEST_HAS_BODY;
    if (scheme_secure) flags |= PK_REQUEST_SECURE;
    if (head.version_minor == 0) flags |= PK_REQUEST_HTTP10;
    return flags;
}

}  // namespace

std::uint32_t method_id(std::string_view method) noexcept {
    switch (method.size()) {
        case 3:
            return method == "GET" ? PK_METHOD_GET : method == "PUT" ? PK_METHOD_PUT : 0;
        case 4:
            return method == "POST" ? PK_METHOD_POST : method == "HEAD" ? PK_METHOD_HEAD : 0;
        case 5:
            return method == "PATCH" ? PK_METHOD_PATCH : method == "TRACE" ? PK_METHOD_TRACE : 0;
        case 6:
            return method == "DELETE" ? PK_METHOD_DELETE : 0;
        case 7:
            return method == "OPTIONS"   ? PK_METHOD_OPTIONS
                   : method == "CONNECT" ? PK_METHOD_CONNECT
                                         : 0;
        default:
            return PK_METHOD_OTHER;
    }
}

std::uint32_t method_flags(std::uint32_t id) noexcept {
    switch (id) {
        case PK_METHOD_GET:
        case PK_METHOD_HEAD:
        case PK_METHOD_OPTIONS:
        case PK_METHOD_TRACE:
            return PK_REQUEST_SAFE | PK_REQUEST_IDEMPOTENT;
        case PK_METHOD_PUT:
        case PK_METHOD_DELETE:
            return PK_REQUEST_IDEMPOTENT;
        default:
            return 0;
    }
}

bool make_request(request_head& head, bool scheme_secure, base::arena& arena, pk_request& out,
                  parse_fault& fault) {
    out.method_id = method_id(head.method);
    if (out.method_id == PK_METHOD_CONNECT || out.method_id == PK_METHOD_TRACE)
        return fail(fault, "method_not_allowed", 405);
    target_parts target;
    if (!split_target(head.target, out.method_id == PK_METHOD_OPTIONS, target))
        return fail(fault, "bad_target");
    framing body;
    if (!request_framing(head, body, fault) || !read_host(head, target, arena, out, fault) ||
        !read_target(target, arena, out, fault))
        return false;
    out.method = to_str(head.method);
    out.scheme = to_str(scheme_secure ? "https" : "http");
    out.content_length =
        body.kind == body_kind::length ? static_cast<std::int64_t>(body.length) : -1;
    out.upgrade = to_str(read_upgrade(head, arena));
    out.flags = flags_of(head, body, scheme_secure) | method_flags(out.method_id);
    if (out.upgrade.size) out.flags |= PK_REQUEST_UPGRADE;
    return true;
}

}  // namespace pkernel::http
