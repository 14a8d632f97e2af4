// Plays bytes to a parser, whole or in pieces, and writes down what came of it as one line of text:
// "GET /x 1 | Host=a | X=y + 3 left", "bad 400 obs_fold", "need_more".

#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "guarded.hpp"
#include "kernel/http/head.hpp"

namespace pkernel::http::test {

inline std::string describe(const fields& all) {
    std::string out;
    for (const pk_field& f : all) {
        out.append(" | ").append(to_view(f.name)).append("=").append(to_view(f.value));
        if (f.id != field_id(to_view(f.name))) out += " (wrong id)";
    }
    return out;
}

inline std::string describe_bad(const parse_fault& fault) {
    return "bad " + std::to_string(fault.status) + " " + fault.cause;
}

// One call of a parser: bytes, seen, and what it says; an empty line stands for need_more.
using parser = std::function<std::string(std::string_view bytes, std::size_t seen)>;

inline std::string outcome(parse_result result, const parse_fault& fault, std::string line,
                           std::size_t left) {
    if (result == parse_result::need_more) return {};
    if (result == parse_result::bad) return describe_bad(fault);
    return line + (left ? " + " + std::to_string(left) + " left" : "");
}

inline parser request_parser(base::arena& arena, head_limits limits = {}) {
    return [&arena, limits](std::string_view bytes, std::size_t seen) {
        request_head head(arena);
        std::size_t consumed = 0;
        parse_fault fault;
        const auto result = parse_request(bytes, seen, limits, head, &consumed, fault);
        std::string line(head.method);
        line.append(" ").append(head.target).append(" ").append(std::to_string(head.version_minor));
        return outcome(result, fault, line + describe(head.headers), bytes.size() - consumed);
    };
}

inline parser response_parser(base::arena& arena, head_limits limits = {}) {
    return [&arena, limits](std::string_view bytes, std::size_t seen) {
        response_head head(arena);
        std::size_t consumed = 0;
        parse_fault fault;
        const auto result = parse_response(bytes, seen, limits, head, &consumed, fault);
        std::string line = std::to_string(head.version_minor) + " " + std::to_string(head.status);
        line.append(" [").append(head.reason).append("]");
        return outcome(result, fault, line + describe(head.headers), bytes.size() - consumed);
    };
}

inline parser trailer_parser(base::arena& arena, head_limits limits = {}) {
    return [&arena, limits](std::string_view bytes, std::size_t seen) {
        fields all(arena);
        std::size_t consumed = 0;
        parse_fault fault;
        const auto result = parse_trailers(bytes, seen, limits, all, &consumed, fault);
        return outcome(result, fault, "trailers" + describe(all), bytes.size() - consumed);
    };
}

// Without the count of bytes behind the head, which differs between a whole and a split play.
inline std::string without_left(std::string line) {
    const auto at = line.rfind(" + ");
    if (at != line.npos && line.ends_with(" left")) line.resize(at);
    return line;
}

// The whole text in one call; "need_more" when it is not enough.
inline std::string play(const parser& parse, std::string_view text) {
    static guarded memory;
    const auto line = parse(memory.hold(text), 0);
    return line.empty() ? "need_more" : line;
}

// The first `first` bytes, then `step` more at each call.
inline std::string play_split(const parser& parse, std::string_view text, std::size_t first,
                              std::size_t step) {
    static guarded memory;
    std::size_t seen = 0;
    for (std::size_t size = first;; size += step) {
        size = std::min(size, text.size());
        auto line = parse(memory.hold(text.substr(0, size)), seen);
        if (!line.empty()) return line;
        if (size == text.size()) return "need_more";
        seen = size;
    }
}

}  // namespace pkernel::http::test
