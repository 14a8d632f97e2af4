// Writes JSON: commas, quotes and indentation, nothing else.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pkernel::config {

class json_text {
public:
    json_text& open_object() { return open('{', '}'); }
    json_text& open_list() { return open('[', ']'); }
    json_text& close();

    json_text& key(std::string_view name);
    json_text& text(std::string_view value);
    json_text& number(std::int64_t value);
    json_text& boolean(bool value);

    // The finished text with a newline. Everything opened must be closed.
    std::string take();

private:
    json_text& open(char begin, char end);
    void start_value();
    void new_line();
    void quote(std::string_view text);

    std::string out_;
    std::vector<char> closers_;
    bool first_ = true;  // Nothing written yet in the innermost object or list.
    bool after_key_ = false;
};

}  // namespace pkernel::config
