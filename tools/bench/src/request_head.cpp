#include "request_head.hpp"

#include <strings.h>
#include <charconv>
#include <optional>

#include "websocket.hpp"

namespace bench {
namespace {

std::size_t number(std::string_view text) {
    std::size_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

std::string_view trim(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

bool same(std::string_view a, std::string_view b) {
    return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::optional<std::string_view> after(std::string_view text, std::string_view mark) {
    const auto at = text.find(mark);
    if (at == std::string_view::npos) return std::nullopt;
    return text.substr(at + mark.size());
}

void read_field(std::string_view line, request_head& head, int& forwarded) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) {
        head.valid = false;
        return;
    }
    const auto name = line.substr(0, colon);
    const auto value = trim(line.substr(colon + 1));
    if (same(name, "content-length"))
        head.body_size = number(value);
    else if (same(name, "transfer-encoding"))
        head.valid = false;  // Not sent, so not expected.
    else if (same(name, "sec-websocket-key"))
        head.websocket = value == websocket::key;
    else if (same(name, "connection"))
        head.close = same(value, "close");
    else if (same(name, "x-forwarded-for") && value == "127.0.0.1")
        ++forwarded;
    else if (same(name, "x-forwarded-proto") && value == "http")
        ++forwarded;
    else if (same(name, "x-forwarded-host") && value == "bench.local")
        ++forwarded;
    else if (same(name, "x-real-ip") && value == "127.0.0.1")
        ++forwarded;
}

}  // namespace

request_head parse_request_head(std::string_view head) {
    request_head result;
    const auto line_end = head.find("\r\n");
    const auto line = head.substr(0, line_end);
    const auto size = after(line, "?s=");
    const auto id = after(line, "&id=");
    if (!size || !id || id->size() < 8) return result;
    result.valid = true;
    result.response_size = number(*size);
    result.id = id->substr(0, 8);
    result.forwarded_asked = id->substr(8).starts_with("&f=1");
    result.close = line.ends_with("HTTP/1.0");

    int forwarded = 0;
    head.remove_prefix(line_end + 2);
    while (!head.starts_with("\r\n") && !head.empty()) {
        const auto end = head.find("\r\n");
        read_field(head.substr(0, end), result, forwarded);
        head.remove_prefix(end + 2);
    }
    result.forwarded_seen = forwarded == 4;
    return result;
}

}  // namespace bench
