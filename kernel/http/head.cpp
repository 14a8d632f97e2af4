#include "kernel/http/head.hpp"

#include <algorithm>
#include <cstring>

#include "kernel/http/characters.hpp"
#include "kernel/http/scan.hpp"

namespace pkernel::http {

namespace {

// What differs between the three kinds of head.
struct rules {
    std::uint16_t status;           // Of a syntax fault.
    std::uint16_t status_of_limit;  // Of a field section that is too large.
    const char* too_long_line;
    const char* too_long_field;
    const char* too_large;
    const char* too_many;
};

constexpr rules request_rules{
    400, 431, "request_line_too_long", "field_too_long", "head_too_large", "too_many_fields"};
constexpr rules trailer_rules{
    400, 431, "", "trailer_too_large", "trailer_too_large", "too_many_trailers"};
constexpr rules response_rules{502,
                               502,
                               "response_head_too_large",
                               "response_head_too_large",
                               "response_head_too_large",
                               "response_too_many_fields"};

struct parsed_field {
    std::string_view name;
    std::string_view value;
    std::uint32_t id = PK_FIELD_OTHER;
};

// One pass over a head. Each step answers need_more, bad, or complete: go on at `at`.
struct reader {
    const rules& of;
    const head_limits& limits;
    parse_fault& fault;
    const char* at;
    const char* end;

    parse_result bad(const char* cause) noexcept { return bad(of.status, cause); }
    parse_result bad(std::uint16_t status, const char* cause) noexcept {
        fault = {status, cause};
        return parse_result::bad;
    }
    std::size_t left() const noexcept { return static_cast<std::size_t>(end - at); }

    // A CR or LF at `p` that is out of place, or `cause` for any other byte.
    parse_result misplaced(const char* p, const char* cause) noexcept {
        if (*p == '\n') return bad("bare_lf");
        if (*p != '\r') return bad(cause);
        if (p + 1 == end) return parse_result::need_more;
        return bad(p[1] == '\n' ? cause : "bare_cr");
    }

    // Steps over the CRLF at `p`.
    parse_result line_end(const char* p, const char* cause) noexcept {
        if (p == end) return parse_result::need_more;
        if (*p != '\r') return misplaced(p, cause);
        if (p + 1 == end) return parse_result::need_more;
        if (p[1] != '\n') return bad("bare_cr");
        at = p + 2;
        return parse_result::complete;
    }

    parse_result request_line(request_head& out) noexcept;
    parse_result request_line_parts(const char*& p, request_head& out) noexcept;
    parse_result request_version(const char*& p, request_head& out) noexcept;
    parse_result status_line(response_head& out) noexcept;
    parse_result status_line_parts(const char*& p, response_head& out) noexcept;
    parse_result field(parsed_field& out) noexcept;
    parse_result field_parts(const char*& p, parsed_field& out) noexcept;
    parse_result field_name(const char*& p, parsed_field& out) noexcept;
    parse_result bad_name(const char*& p) noexcept;
    parse_result section(fields& out);
};

std::string_view between(const char* from, const char* to) noexcept {
    return {from, static_cast<std::size_t>(to - from)};
}

parse_result reader::request_version(const char*& p, request_head& out) noexcept {
    const char* from = p;
    if (end - from >= 10 && std::memcmp(from, "HTTP/1.1\r\n", 10) == 0) {
        p = from + 8;
        out.version_minor = 1;
        at = from + 10;
        return parse_result::complete;
    }
    p = find_control<0x20>(from, end);
    if (p == end) return parse_result::need_more;
    const auto version = between(from, p);
    out.version_minor = version == "HTTP/1.1";
    if (out.version_minor || version == "HTTP/1.0") return line_end(p, "bad_request_line");
    const bool named = version.starts_with("HTTP/");
    const auto r = misplaced(p, named ? "bad_version" : "bad_request_line");
    const bool formed = named && version.size() == 8 && is_a(version[5], char_digit) &&
                        version[6] == '.' && is_a(version[7], char_digit);
    const bool ended = r == parse_result::bad && end - p >= 2 && p[0] == '\r' && p[1] == '\n';
    return formed && ended ? bad(505, "unsupported_version") : r;
}

parse_result reader::request_line_parts(const char*& p, request_head& out) noexcept {
    const char* line = at;
    p = skip_token(line, end);
    if (p == end) return parse_result::need_more;
    if (*p != ' ' || p == line) return misplaced(p, "bad_request_line");
    out.method = between(line, p);

    const char* target = ++p;
    p = find_control<0x21>(target, end);
    if (p == end) return parse_result::need_more;
    if (*p != ' ') {
        const bool line_ended = *p == '\r' || *p == '\n';
        return misplaced(p, line_ended ? "bad_request_line" : "bad_target");
    }
    if (p == target) return bad("bad_request_line");
    out.target = between(target, p);

    ++p;
    return request_version(p, out);
}

parse_result reader::request_line(request_head& out) noexcept {
    for (int empty = 0; empty < 2 && left() > 0 && *at == '\r'; ++empty) {
        const auto r = line_end(at, "");
        if (r != parse_result::complete) return r;
    }
    const char* line = at;
    const char* p = at;
    const auto r = request_line_parts(p, out);
    if (static_cast<std::size_t>(p - line) > limits.line_max) return bad(414, of.too_long_line);
    return r;
}

parse_result reader::status_line_parts(const char*& p, response_head& out) noexcept {
    constexpr std::string_view prefix = "HTTP/1.";
    constexpr std::size_t code_end = 12;
    const char* line = at;
    if (std::memcmp(line, prefix.data(), std::min(prefix.size(), left())) != 0)
        return bad("bad_status_line");
    for (auto i = prefix.size(); i < std::min(code_end, left()); ++i) {
        const bool fits = i == 8 ? line[i] == ' ' : is_a(line[i], char_digit);
        if (!fits || (i == 9 && line[i] == '0')) return bad("bad_status_line");
        if (i == 7 && line[i] > '1') return bad("bad_version");
    }
    if (left() <= code_end) return parse_result::need_more;
    const auto digit = [line](int i) { return line[i] - '0'; };
    out.version_minor = static_cast<std::uint8_t>(digit(7));
    out.status = static_cast<std::uint16_t>(digit(9) * 100 + digit(10) * 10 + digit(11));
    p = line + code_end;
    if (*p == ' ') {
        const char* reason = ++p;
        p = skip_value(reason, end);
        out.reason = between(reason, p);
    } else {
        out.reason = {};  // Some origins leave the space out with the phrase.
    }
    return line_end(p, "bad_status_line");
}

parse_result reader::status_line(response_head& out) noexcept {
    const char* line = at;
    const char* p = at;
    const auto r = status_line_parts(p, out);
    if (static_cast<std::size_t>(p - line) > limits.line_max) return bad(of.too_long_line);
    return r;
}

// Says why the byte at `p` cannot end the name that began at `at`.
parse_result reader::bad_name(const char*& p) noexcept {
    if (is_blank(*p)) {
        if (p == at) return bad("obs_fold");
        while (p != end && is_blank(*p)) ++p;
        if (p == end) return parse_result::need_more;
        return bad(*p == ':' ? "space_before_colon" : "bad_field_name");
    }
    return misplaced(p, "bad_field_name");
}

// Well-known names are recognised before their bytes are judged: each of them is a token.
parse_result reader::field_name(const char*& p, parsed_field& out) noexcept {
    const char* line = at;
    p = find_colon(line, end);
    if (p != end) {
        out.name = between(line, p);
        out.id = field_id(out.name);
        if (out.id != PK_FIELD_OTHER) return parse_result::complete;
    }
    p = skip_token(line, end);
    if (p == end) return parse_result::need_more;
    if (*p != ':' || p == line) [[unlikely]]
        return bad_name(p);
    out.name = between(line, p);
    out.id = PK_FIELD_OTHER;
    return parse_result::complete;
}

parse_result reader::field_parts(const char*& p, parsed_field& out) noexcept {
    const auto r = field_name(p, out);
    if (r != parse_result::complete) return r;
    ++p;
    while (p != end && is_blank(*p)) ++p;
    const char* from = p;
    p = skip_value(from, end);
    if (p == end) return parse_result::need_more;
    const char* to = p;
    while (to != from && is_blank(to[-1])) --to;
    out.value = between(from, to);
    return line_end(p, "bad_field_value");
}

parse_result reader::field(parsed_field& out) noexcept {
    const char* line = at;
    const char* p = at;
    const auto r = field_parts(p, out);
    if (static_cast<std::size_t>(p - line) > limits.field_max)
        return bad(of.status_of_limit, of.too_long_field);
    return r;
}

// Field lines up to and with the empty one.
parse_result reader::section(fields& out) {
    for (;;) {
        if (at == end) return parse_result::need_more;
        if (*at == '\r') return line_end(at, "bare_cr");
        parsed_field f;
        const auto r = field(f);
        if (r != parse_result::complete) return r;
        if (out.size() == limits.fields_max) return bad(of.status_of_limit, of.too_many);
        out.append(f.name, f.value, f.id);
    }
}

bool more_lines_than(std::string_view bytes, std::size_t max) noexcept {
    std::size_t count = 0;
    for (auto at = bytes.find('\n'); at != bytes.npos; at = bytes.find('\n', at + 1))
        if (++count > max) return true;
    return false;
}

// False when the bytes behind `seen`, which is not 0, neither end the head nor spoil it, judged
// from the beginning of the line that `seen` is in: a whole pass would only tell need_more again.
bool deserves_pass(std::string_view bytes, std::size_t seen, const rules& of,
                   const head_limits& limits) noexcept {
    const void* last_end = memrchr(bytes.data(), '\n', seen);
    const auto line =
        last_end ? between(bytes.data(), static_cast<const char*>(last_end)).size() + 1 : 0;
    if (bytes.size() >= limits.head_max) return true;
    // The first line may stand behind two empty ones.
    const auto max = line > 4 ? limits.field_max : std::min(limits.line_max, limits.field_max);
    if (bytes.size() - line > max) return true;
    const auto cr = bytes.find('\r', seen - 1);
    if (cr != bytes.npos && cr + 1 < bytes.size() && bytes[cr + 1] != '\n') return true;
    if (bytes.find('\n', seen) == bytes.npos) return false;
    if (line == 0 || more_lines_than(bytes, limits.fields_max + 1)) return true;
    parse_fault fault;
    reader r{of, limits, fault, bytes.data() + line, bytes.data() + bytes.size()};
    while (r.left() > 0) {
        if (*r.at == '\r') return r.left() > 1;
        parsed_field f;
        const auto result = r.field(f);
        if (result == parse_result::bad) return true;
        if (result == parse_result::need_more) return false;
    }
    return false;
}

template <class FirstLine>
parse_result parse(std::string_view bytes, std::size_t seen, const rules& of,
                   const head_limits& limits, fields& headers, std::size_t* consumed,
                   parse_fault& fault, FirstLine&& first_line) {
    seen = std::min(seen, bytes.size());
    if (seen > 0 && !deserves_pass(bytes, seen, of, limits)) return parse_result::need_more;
    headers.clear();
    const auto readable = bytes.substr(0, limits.head_max);
    reader r{of, limits, fault, readable.data(), readable.data() + readable.size()};
    auto result = readable.empty() ? parse_result::need_more : first_line(r);
    if (result == parse_result::complete) result = r.section(headers);
    if (result == parse_result::complete)
        *consumed = static_cast<std::size_t>(r.at - readable.data());
    else if (result == parse_result::need_more && bytes.size() >= limits.head_max)
        return r.bad(of.status_of_limit, of.too_large);
    return result;
}

}  // namespace

parse_result parse_request(std::string_view bytes, std::size_t seen, const head_limits& limits,
                           request_head& out, std::size_t* consumed, parse_fault& fault) {
    return parse(bytes, seen, request_rules, limits, out.headers, consumed, fault,
                 [&out](reader& r) { return r.request_line(out); });
}

parse_result parse_response(std::string_view bytes, std::size_t seen, const head_limits& limits,
                            response_head& out, std::size_t* consumed, parse_fault& fault) {
    return parse(bytes, seen, response_rules, limits, out.headers, consumed, fault,
                 [&out](reader& r) { return r.status_line(out); });
}

parse_result parse_trailers(std::string_view bytes, std::size_t seen, const head_limits& limits,
                            fields& out, std::size_t* consumed, parse_fault& fault) {
    return parse(bytes, seen, trailer_rules, limits, out, consumed, fault,
                 [](reader&) { return parse_result::complete; });
}

bool is_token(std::string_view s) noexcept {
    const char* end = s.data() + s.size();
    return !s.empty() && skip_token(s.data(), end) == end;
}

bool is_field_value(std::string_view s) noexcept {
    if (s.empty()) return true;
    const char* end = s.data() + s.size();
    return !is_blank(s.front()) && !is_blank(s.back()) && skip_value(s.data(), end) == end;
}

}  // namespace pkernel::http
