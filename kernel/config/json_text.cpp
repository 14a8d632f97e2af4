#include "kernel/config/json_text.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "kernel/config/text.hpp"

namespace pkernel::config {

json_text& json_text::open(char begin, char end) {
    start_value();
    out_ += begin;
    closers_.push_back(end);
    first_ = true;
    return *this;
}

json_text& json_text::close() {
    const char end = closers_.back();
    closers_.pop_back();
    if (!first_) new_line();
    out_ += end;
    first_ = false;
    return *this;
}

json_text& json_text::key(std::string_view name) {
    start_value();
    quote(name);
    out_ += ": ";
    after_key_ = true;
    return *this;
}

json_text& json_text::text(std::string_view value) {
    start_value();
    quote(value);
    return *this;
}

json_text& json_text::number(std::int64_t value) {
    start_value();
    out_ += std::to_string(value);
    return *this;
}

json_text& json_text::boolean(bool value) {
    start_value();
    out_ += value ? "true" : "false";
    return *this;
}

std::string json_text::take() {
    out_ += '\n';
    return std::move(out_);
}

void json_text::start_value() {
    if (after_key_) {
        after_key_ = false;
        return;
    }
    if (!first_) out_ += ',';
    if (!closers_.empty()) new_line();
    first_ = false;
}

void json_text::new_line() {
    out_ += '\n';
    out_.append(closers_.size() * 2, ' ');
}

void json_text::quote(std::string_view text) {
    out_ += '"';
    while (!text.empty()) {
        const std::size_t n = utf8_length(text);
        const auto c = static_cast<unsigned char>(text[0]);
        if (c == '"' || c == '\\') {
            out_ += '\\';
            out_ += text[0];
        } else if (c < 0x20 || c == 0x7f) {
            char escape[8];
            std::snprintf(escape, sizeof escape, "\\u%04x", c);
            out_ += escape;
        } else if (n == 0) {
            out_ += "\xef\xbf\xbd";  // U+FFFD: JSON holds no malformed UTF-8.
        } else {
            out_ += text.substr(0, n);
        }
        text.remove_prefix(std::max<std::size_t>(1, n));
    }
    out_ += '"';
}

}  // namespace pkernel::config
