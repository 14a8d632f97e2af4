#include "kernel/stream/variables.hpp"

#include <arpa/inet.h>

#include <array>
#include <atomic>
#include <charconv>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "kernel/http/characters.hpp"
#include "kernel/http/head.hpp"
#include "kernel/net/transport.hpp"
#include "kernel/route/query.hpp"
#include "kernel/stream/stream.hpp"

namespace pkernel::stream::variables {

namespace {

enum builtin : std::uint32_t {
    client_ip,
    client_port,
    host,
    method,
    path,
    query,
    scheme,
    target,
    request_id,
    route,
    listener,
    status,
    upstream,
    endpoint,
    attempts,
    failed_attempts,
    body_kept,
    queue_ms,
    end_reason,
    builtin_count
};
constexpr std::array<std::string_view, builtin_count> builtin_names = {
    "client_ip", "client_port",     "host",      "method",   "path",      "query",    "scheme",
    "target",    "request_id",      "route",     "listener", "status",    "upstream", "endpoint",
    "attempts",  "failed_attempts", "body_kept", "queue_ms", "end_reason"};

// --- those with a name of the user's
// ------------------------------------------------------------------------

enum class family : std::uint8_t { field, query, cookie, transport };
struct named {
    family of;
    std::uint32_t field = PK_FIELD_OTHER;  // The id of a well-known field.
    std::string name;
};

// Written under the lock, at rising places; a place that a reader has a number of was published
// before.
std::mutex lock;
std::map<std::string, std::uint32_t, std::less<>> numbers;
std::array<std::atomic<const named*>, named_max> known;

pk_status add(std::string_view full, family of, std::string_view name, std::uint32_t& variable) {
    const bool legal = !name.empty() && name.size() <= name_bytes_max &&
                       (of == family::query || http::is_token(name));
    if (!legal) return PK_NOT_FOUND;
    const std::lock_guard hold(lock);
    if (const auto at = numbers.find(full); at != numbers.end()) {
        variable = at->second;
        return PK_OK;
    }
    const auto place = numbers.size();
    if (place == named_max) return PK_NO_MEMORY;
    const auto id =
        of == family::field ? http::field_id(name) : static_cast<std::uint32_t>(PK_FIELD_OTHER);
    known[place].store(new named{of, id, std::string(name)}, std::memory_order_release);
    variable = builtin_count + static_cast<std::uint32_t>(place);
    numbers.emplace(full, variable);
    return PK_OK;
}

// --- values
// -------------------------------------------------------------------------------------------------

// The arena's copy of the pieces joined, made once as long as they stay the same. `each(f)` gives
// them in order.
template <class Each>
std::string_view keep_joined(stream& s, std::uint32_t variable, Each&& each) {
    std::size_t size = 0;
    each([&](std::string_view piece) { size += piece.size(); });
    made_value* m = s.made_values;
    while (m && m->variable != variable) m = m->next;
    if (m && m->value.size() == size) {
        const char* at = m->value.data();
        bool same = true;
        each([&](std::string_view piece) {
            same = same && (piece.empty() || std::memcmp(at, piece.data(), piece.size()) == 0);
            at += piece.size();
        });
        if (same) return m->value;
    }
    auto* const made = static_cast<char*>(s.arena.allocate(size, 1));
    char* at = made;
    each([&](std::string_view piece) {
        if (!piece.empty()) std::memcpy(at, piece.data(), piece.size());
        at += piece.size();
    });
    if (!m) m = s.made_values = s.arena.make<made_value>(made_value{variable, {}, s.made_values});
    return m->value = {made, size};
}

std::string_view keep(stream& s, std::uint32_t variable, std::string_view value) {
    return keep_joined(s, variable, [&](auto&& f) { f(value); });
}

std::string_view number(stream& s, std::uint32_t variable, std::uint32_t n) {
    char digits[10];
    const auto end = std::to_chars(digits, digits + sizeof digits, n).ptr;
    return keep(s, variable, {digits, static_cast<std::size_t>(end - digits)});
}

std::string_view ip_text(stream& s, std::uint32_t variable, const pk_address& a) {
    char text[INET6_ADDRSTRLEN];
    if (a.family == 1) return "unix";
    if (a.family != 4 && a.family != 6) return {};
    ::inet_ntop(a.family == 4 ? AF_INET : AF_INET6, a.bytes, text, sizeof text);
    return keep(s, variable, text);
}

std::string_view target_of(stream& s) {
    const pk_request& r = s.request;
    if (!r.has_query) return http::to_view(r.path);
    const auto path = http::to_view(r.path), rest = http::to_view(r.query);
    // Mostly the query follows its path in the head's block.
    if (!rest.empty() && path.data() + path.size() + 1 == rest.data())
        return {path.data(), path.size() + 1 + rest.size()};
    return keep_joined(s, target, [&](auto&& f) { f(path), f(std::string_view("?")), f(rest); });
}

bool builtin_value(stream& s, std::uint32_t which, std::string_view& out) {
    const pk_request& r = s.request;
    out = {};
    switch (which) {
        case client_ip:
            out = ip_text(s, which, r.client);
            break;
        case client_port:
            if (r.client.port) out = number(s, which, r.client.port);
            break;
        case host:
            out = http::to_view(r.host);
            break;
        case method:
            out = http::to_view(r.method);
            break;
        case path:
            out = http::to_view(r.path);
            break;
        case query:
            out = http::to_view(r.query);
            return r.has_query != 0;
        case scheme:
            out = http::to_view(r.scheme);
            break;
        case target:
            out = target_of(s);
            break;
        case request_id:
            out = http::to_view(r.id);
            break;
        case route:
            out = http::to_view(r.route);
            break;
        case listener:
            out = http::to_view(r.listener);
            break;
        case status:
            // Of a stream that has ended only what the client was sent.
            if (s.response.status && (!s.ended() || s.response_started()))
                out = number(s, which, s.response.status);
            break;
        case upstream:
            out = s.upstream_name();
            break;
        case endpoint:
            out = s.endpoint_name();
            break;
        case attempts:
            if (const auto n = s.attempts()) out = number(s, which, n);
            break;
        case failed_attempts:
            out = s.failed_attempts();
            break;
        case body_kept:
            out = s.body_kept();
            break;
        case queue_ms:
            if (const auto ms = s.queue_time() / std::chrono::milliseconds(1); ms > 0)
                out = number(s, which, static_cast<std::uint32_t>(ms));
            break;
        case end_reason:
            if (s.ended()) out = s.end_reason().word;
            break;
        default:
            break;
    }
    return !out.empty();
}

// One value is a view of it; several are joined by ", " (RFC 9110 5.2).
bool field_value(stream& s, std::uint32_t variable, const named& n, std::string_view& out) {
    std::uint32_t count = 0;
    const auto each = [&](auto&& f) {
        for (const pk_field& at : s.head.headers) {
            const auto name = http::to_view(at.name);
            if (at.id == n.field && (at.id != PK_FIELD_OTHER || http::same_text(name, n.name)))
                f(http::to_view(at.value));
        }
    };
    each([&](std::string_view value) {
        out = value;
        ++count;
    });
    if (count < 2) return count == 1;
    out = keep_joined(s, variable, [&](auto&& f) {
        bool first = true;
        each([&](std::string_view value) {
            if (!std::exchange(first, false)) f(std::string_view(", "));
            f(value);
        });
    });
    return true;
}

// As conditions read it: the first of that name; the value stays encoded.
bool query_value(stream& s, const named& n, std::string_view& out) {
    bool found = false;
    route::each_parameter(http::to_view(s.request.query),
                          [&](std::string_view name, std::string_view value) {
                              if (found || !route::decodes_to(name, n.name)) return;
                              found = true;
                              out = value;
                          });
    return found;
}

// RFC 6265 5.4: pairs parted by "; "; names compare by case.
bool cookie_value(stream& s, const named& n, std::string_view& out) {
    for (const pk_field& f : s.head.headers) {
        if (f.id != PK_FIELD_COOKIE) continue;
        auto rest = http::to_view(f.value);
        while (!rest.empty()) {
            const auto end = rest.find(';');
            auto pair = rest.substr(0, end);
            rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
            while (!pair.empty() && (pair.front() == ' ' || pair.front() == '\t'))
                pair.remove_prefix(1);
            const auto equals = pair.find('=');
            if (equals == std::string_view::npos || pair.substr(0, equals) != n.name) continue;
            out = pair.substr(equals + 1);
            return true;
        }
    }
    return false;
}

// Kept, since the transport's own may go with the connection before a log reads it.
bool transport_value(stream& s, std::uint32_t variable, std::string_view& out) {
    net::session* const t = s.from().transport();
    if (!t) return false;
    for (const auto& [number, index] : t->plan().variables)
        if (number == variable && t->variable(index, out)) {
            out = keep(s, variable, out);
            return true;
        }
    return false;
}

pk_status resolve_call(const pk_host*, pk_str name, std::uint32_t* variable) {
    return resolve(http::to_view(name), *variable);
}

pk_status get_call(pk_stream* h, std::uint32_t variable, pk_str* value) {
    std::string_view out;
    const bool has = get(*slot::of(h).owner, variable, out);
    *value = has ? http::to_str(out) : pk_str{nullptr, 0};
    return has ? PK_OK : PK_NOT_FOUND;
}

}  // namespace

pk_status resolve(std::string_view name, std::uint32_t& variable) {
    for (std::uint32_t i = 0; i < builtin_count; ++i)
        if (builtin_names[i] == name) {
            variable = i;
            return PK_OK;
        }
    const auto dot = name.find('.');
    if (dot == std::string_view::npos) return PK_NOT_FOUND;
    const auto kind = name.substr(0, dot), rest = name.substr(dot + 1);
    if (kind == "field") return add(name, family::field, rest, variable);
    if (kind == "query") return add(name, family::query, rest, variable);
    if (kind == "cookie") return add(name, family::cookie, rest, variable);
    const std::lock_guard hold(lock);
    const auto at = numbers.find(name);
    if (at == numbers.end()) return PK_NOT_FOUND;
    variable = at->second;
    return PK_OK;
}

pk_status offer(std::string_view name, std::uint32_t& variable) {
    const auto dot = name.find('.');
    if (dot == std::string_view::npos) return PK_INVALID;
    const auto kind = name.substr(0, dot);
    if (kind == "field" || kind == "query" || kind == "cookie") return PK_INVALID;
    return add(name, family::transport, name.substr(dot + 1), variable);
}

bool get(stream& s, std::uint32_t variable, std::string_view& value) {
    value = {};
    if (variable < builtin_count) return builtin_value(s, variable, value);
    const auto place = variable - builtin_count;
    const named* n = place < named_max ? known[place].load(std::memory_order_acquire) : nullptr;
    if (!n) return false;
    switch (n->of) {
        case family::field:
            return field_value(s, variable, *n, value);
        case family::query:
            return query_value(s, *n, value);
        case family::cookie:
            return cookie_value(s, *n, value);
        case family::transport:
            return transport_value(s, variable, value);
    }
    return false;
}

const pk_variables* table() noexcept {
    static const pk_variables t{sizeof t, 0, &resolve_call, &get_call};
    return &t;
}

}  // namespace pkernel::stream::variables
