#include "kernel/config/endpoint_address.hpp"

#include <algorithm>

#include "kernel/config/scalar.hpp"
#include "kernel/config/text.hpp"

namespace pkernel::config {

namespace {

parsed_address wrong(code number, std::string problem) {
    parsed_address out;
    out.number = number;
    out.problem = std::move(problem);
    return out;
}

parsed_address known(std::string_view text, const address_text& parsed) {
    parsed_address out;
    out.ok = true;
    out.value.text = parsed.canonical;
    out.value.ip = parsed.value;
    out.value.port = static_cast<std::uint16_t>(parsed.value.port);
    out.value.kind = parsed.value.family == 1 ? address_kind::unix_socket : address_kind::ip;
    if (parsed.value.family == 1) out.value.host = text.substr(std::string_view("unix:").size());
    return out;
}

// The address inside "http://host:port/path", for a message.
std::string bare(std::string_view text, std::string_view port) {
    const std::size_t scheme = text.find("://");
    if (scheme != std::string_view::npos) text.remove_prefix(scheme + 3);
    text = text.substr(0, text.find('/'));
    if (text.empty()) return "127.0.0.1:3000";
    return std::string(text) + (text.find(':') == std::string_view::npos ? std::string(port) : "");
}

constexpr const char* as_it_is = ": the path of a request goes there as it came";

parsed_address with_scheme(std::string_view text) {
    const bool secure = lower(text.substr(0, 8)) == "https://";
    const std::string alone = bare(text, secure ? ":443" : ":80");
    const std::size_t path = text.find('/', text.find("://") + 3);
    if (path != std::string_view::npos && path + 1 < text.size()) {
        return wrong(code::endpoint_path, "holds a path; write " + in_quotes(alone) + as_it_is);
    }
    return wrong(code::endpoint_address,
                 "is a URL; write " + in_quotes(alone) +
                     (secure ? " and give the upstream a transport" : " without the scheme"));
}

}  // namespace

bool is_host_name(std::string_view text) {
    if (text.empty() || text.size() > 253) return false;
    std::size_t label = 0;
    for (const char c : text) {
        const bool word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                          (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
        if (!word && !(c == '.' && label > 0)) return false;
        label = c == '.' ? 0 : label + 1;
        if (label > 63) return false;
    }
    return label > 0;
}

parsed_address parse_listener_address(std::string_view text) {
    const address_text parsed = parse_address(text);
    if (parsed.ok) return known(text, parsed);
    if (text.starts_with(':') && parse_port(text.substr(1)) >= 0) {
        parsed_address out;
        out.ok = true;
        out.value.kind = address_kind::any;
        out.value.port = static_cast<std::uint16_t>(parse_port(text.substr(1)));
        out.value.text = ':' + std::to_string(out.value.port);
        return out;
    }
    std::string remedy = "something like \":8080\", 127.0.0.1:8080, \"[::1]:8080\" or unix:/path";
    const std::size_t colon = text.rfind(':');
    if (parse_port(text) >= 0) {
        remedy = "\":" + std::string(text) + '"';
    } else if (text.starts_with("*:") && parse_port(text.substr(2)) >= 0) {
        remedy = '"' + std::string(text.substr(1)) + '"';
    } else if (text.starts_with("localhost:")) {
        remedy = "127.0.0.1" + std::string(text.substr(colon));
    } else if (!parsed.remedy.starts_with("something")) {
        remedy = parsed.remedy;
    }
    return wrong(code::listener_address, "is not an address to listen on; write " + remedy);
}

parsed_address parse_endpoint_address(std::string_view text) {
    const address_text parsed = parse_address(text);
    if (parsed.ok && parsed.value.family != 1 && parsed.value.port == 0) {
        return wrong(code::endpoint_address, "has port 0, which nothing listens on");
    }
    if (parsed.ok) return known(text, parsed);
    if (text.find("://") != std::string_view::npos) return with_scheme(text);
    if (text.starts_with("unix:")) {
        return wrong(code::endpoint_address, "is not an address; write " + parsed.remedy);
    }
    if (text.find('/') != std::string_view::npos) {
        return wrong(code::endpoint_path,
                     "holds a path; write " + in_quotes(bare(text, ":80")) + as_it_is);
    }
    const std::size_t colon = text.rfind(':');
    const std::string_view host = text.substr(0, colon);
    const int port = colon == std::string_view::npos ? -1 : parse_port(text.substr(colon + 1));
    if (!is_host_name(host) || port <= 0) {
        const bool only_port = colon == std::string_view::npos && is_host_name(text);
        const bool bare_port = host.empty() && port > 0;
        return wrong(code::endpoint_address,
                     "is not an address; write " +
                         (only_port && parse_port(text) < 0 ? in_quotes(std::string(text) + ":80")
                          : bare_port ? in_quotes("127.0.0.1" + std::string(text))
                                      : "something like 127.0.0.1:3000, app.internal:3000 or "
                                        "unix:/path"));
    }
    // Digits and dots alone would be an IPv4 address if they were right.
    if (host.find_first_not_of("0123456789.") == std::string_view::npos) {
        return wrong(code::endpoint_address, "has no valid IPv4 address");
    }
    parsed_address out;
    out.ok = true;
    out.value.kind = address_kind::name;
    out.value.host = lower(host);
    out.value.port = static_cast<std::uint16_t>(port);
    out.value.text = out.value.host + ':' + std::to_string(port);
    return out;
}

}  // namespace pkernel::config
