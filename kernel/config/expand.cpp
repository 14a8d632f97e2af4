#include "kernel/config/expand.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "kernel/config/text.hpp"

namespace pkernel::config {

namespace {

bool is_name(std::string_view name) {
    const auto word = [](char c) {
        return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
               (c >= 'A' && c <= 'Z');
    };
    return !name.empty() && !(name[0] >= '0' && name[0] <= '9') &&
           std::all_of(name.begin(), name.end(), word);
}

class expansion {
public:
    expansion(const node& scalar, environment& outside, std::string_view cwd, diagnostics& out)
        : scalar_(scalar), outside_(outside), cwd_(cwd), out_(out) {}

    // The text with everything replaced; errors are reported.
    std::string run();

private:
    void replace(std::string_view form, std::size_t offset);
    void variable(std::string_view body, position at);
    void file(std::string_view path, position at);
    position place(std::size_t offset, std::size_t size) const;

    const node& scalar_;
    environment& outside_;
    std::string_view cwd_;
    diagnostics& out_;
    std::string result_;
};

// Where bytes of the scalar stand in the file. Exact when the file holds them as they are, which
// escapes and line breaks prevent; then the whole scalar is the place.
position expansion::place(std::size_t offset, std::size_t size) const {
    position at = scalar_.at;
    const std::string_view line = out_.files().line(at.file, at.line);
    if (at.length == 0 || characters(line) != line.size() || at.column == 0) return at;
    const std::size_t quote = at.length == scalar_.text.size() ? 0 : 1;
    if (at.length != scalar_.text.size() + 2 * quote) return at;
    if (at.column - 1 + quote > line.size()) return at;  // Lines that end in CR alone.
    if (line.substr(at.column - 1 + quote).substr(0, scalar_.text.size()) != scalar_.text)
        return at;
    at.column += static_cast<std::uint32_t>(quote + offset);
    at.length = static_cast<std::uint32_t>(size);
    return at;
}

std::string expansion::run() {
    const std::string_view text = scalar_.text;
    std::size_t i = 0;
    while (i < text.size()) {
        if (text.substr(i, 3) == "$${") {
            result_ += "${";
            i += 3;
        } else if (text.substr(i, 2) == "${") {
            const std::size_t end = text.find('}', i);
            if (end == std::string_view::npos) {
                out_.error(code::expansion_open, place(i, text.size() - i),
                           "'${' has no '}'; write $${ for a plain ${");
                return scalar_.text;
            }
            replace(text.substr(i + 2, end - i - 2), i);
            i = end + 1;
        } else {
            result_ += text[i++];
        }
    }
    return std::move(result_);
}

void expansion::replace(std::string_view form, std::size_t offset) {
    const position at = place(offset, form.size() + 3);
    if (form.substr(0, 4) == "env:") return variable(form.substr(4), at);
    if (form.substr(0, 5) == "file:") return file(form.substr(5), at);
    out_.error(code::expansion_unknown, at,
               in_quotes("${" + std::string(form) + "}") +
                   " is not known; write ${env:NAME} or ${file:path}, or $${ for a plain ${");
}

void expansion::variable(std::string_view body, position at) {
    const std::size_t split = body.find(":-");
    const std::string_view name = body.substr(0, split);
    if (!is_name(name)) {
        out_.error(code::expansion_unknown, at,
                   in_quotes(name) + " is not the name of an environment variable");
        return;
    }
    const auto found = outside_.variable(name);
    if (split != std::string_view::npos) {
        result_ += found && !found->empty() ? *found : std::string(body.substr(split + 2));
    } else if (found) {
        result_ += *found;
    } else {
        diagnostic d;
        d.number = code::expansion_unset;
        d.at = at;
        d.message = "the environment variable " + in_quotes(name) + " is not set";
        d.notes.push_back("${env:" + std::string(name) + ":-x} stands for x when it is not set");
        out_.add(std::move(d));
    }
}

void expansion::file(std::string_view path, position at) {
    const std::string full = resolve_path(path, at.file, cwd_);
    file_text content = outside_.read(full, expanded_file_max);
    if (path.empty() || !content.ok) {
        out_.error(code::expansion_file, at,
                   "cannot read " + in_quotes(full) + ": " +
                       (path.empty() ? "the path is missing" : content.problem));
        return;
    }
    if (content.bytes.ends_with('\n')) content.bytes.pop_back();
    if (content.bytes.ends_with('\r')) content.bytes.pop_back();
    result_ += content.bytes;
}

}  // namespace

void expand(node& tree, environment& outside, std::string_view cwd, diagnostics& out) {
    for (node& item : tree.items) expand(item, outside, cwd, out);
    for (entry& e : tree.entries) expand(e.value, outside, cwd, out);
    if (tree.kind != node_kind::scalar || tree.text.find("${") == std::string::npos) return;
    const std::size_t errors_before = out.errors();
    std::string replaced = expansion(tree, outside, cwd, out).run();
    if (out.errors() != errors_before) out.lost(tree.at);
    // An expanded text is never null: an empty variable is an empty text.
    tree.quoted = true;
    tree.raw = std::exchange(tree.text, std::move(replaced));
}

}  // namespace pkernel::config
