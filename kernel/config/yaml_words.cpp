#include "kernel/config/yaml_words.hpp"

namespace pkernel::config {

namespace {

struct saying {
    std::string_view part;  // Of libfyaml's message.
    std::string_view words;
};

constexpr std::string_view another_column =
    "this line is indented unlike those that it belongs to; keys of one map, and the '-' of one "
    "list, begin in the same column";
constexpr std::string_view needs_quotes =
    "a ',' or a closing bracket is missing before this, or quotes around a value that holds ':', "
    "'[' or '{'";

constexpr saying sayings[] = {
    {" tab ", "a tab cannot indent; use spaces"},
    {"nested block mapping on the same line", "a second ': ' in one line; put the value in quotes"},
    {"expected '-' indicator", another_column},
    {"indentation in mapping", another_column},
    {"in sequence while in mapping", another_column},
    {"at the end of block sequence",
     "a list goes on here with what is no entry of it: each begins with '- '; a key has its own "
     "column"},
    {"missing comma in flow", needs_quotes},
    {"mismatched flow mapping end", "this '}' closes a '['; a ']' is missing before it"},
    {"mismatched flow sequence end", "this ']' closes a '{'; a '}' is missing before it"},
    {"extra closing brace", "a '}' too many"},
    {"extra closing bracket", "a ']' too many"},
    {"could not find expected ':'", "a key without a value: ': ' must follow it"},
    {"multiline plain key", "a key without a value: ': ' must follow it, in the same line"},
    {"block sequence on the same line", "a list begins in the line below its key"},
    {"quoted scalar", "the closing quote of this text is missing"},
    {"invalid value after mapping",
     "something stands behind a value that has ended; put the whole of it in quotes"},
};

bool is_line_end(std::string_view rest) {
    return rest.empty() || rest[0] == '\n' || rest[0] == '\r';
}

}  // namespace

std::string plain_words(std::string_view message) {
    constexpr std::string_view odd_start = "cannot start with '";
    if (message.starts_with("tab ")) return std::string(sayings[0].words);
    if (const auto at = message.find(odd_start); at != message.npos) {
        return "a value cannot begin with '" + std::string(message.substr(at + odd_start.size())) +
               "; put it in quotes";
    }
    for (const saying& each : sayings)
        if (message.find(each.part) != message.npos) return std::string(each.words);
    return std::string(message);
}

std::string_view other_language(std::string_view text) {
    for (std::size_t at = 0; (at = text.find(';', at)) != text.npos; ++at) {
        if (is_line_end(text.substr(at + 1)))
            return "lines that end in ';' are how nginx is configured; here it is YAML, "
                   "'key: value'";
    }
    return {};
}

}  // namespace pkernel::config
