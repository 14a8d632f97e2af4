#include "kernel/config/render.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "kernel/config/json_text.hpp"
#include "kernel/config/text.hpp"

namespace pkernel::config {

namespace {

constexpr std::size_t shown_max = 160;  // Characters of a source line.
constexpr std::size_t before_max = 60;  // Of these, before the token of a longer line.

struct paint {
    bool on;
    const char* bold() const { return on ? "\x1b[1m" : ""; }
    const char* red() const { return on ? "\x1b[1;31m" : ""; }
    const char* yellow() const { return on ? "\x1b[1;33m" : ""; }
    const char* green() const { return on ? "\x1b[32m" : ""; }
    const char* off() const { return on ? "\x1b[0m" : ""; }
};

std::string number_text(code number) {
    char out[16];
    std::snprintf(out, sizeof out, "E%04u", static_cast<unsigned>(number));
    return out;
}

// A source line as it is shown, each element one column.
struct shown_line {
    std::vector<std::string> cells;
    std::size_t caret = 0;
    std::size_t length = 1;
};

// Length of the word or quoted text that begins at cells[from].
std::size_t token_length(const std::vector<std::string>& cells, std::size_t from) {
    if (from >= cells.size()) return 1;
    const std::string& first = cells[from];
    std::size_t to = from + 1;
    if (first == "\"" || first == "'") {
        while (to < cells.size() && cells[to] != first) ++to;
        return std::min(to + 1, cells.size()) - from;
    }
    const std::string_view ends = " ,]}#";
    const auto colon_ends = [&](std::size_t i) {
        return cells[i] == ":" && (i + 1 == cells.size() || cells[i + 1] == " ");
    };
    while (to < cells.size() && !colon_ends(to) &&
           (cells[to].size() > 1 || ends.find(cells[to][0]) == std::string_view::npos)) {
        ++to;
    }
    return to - from;
}

std::vector<std::string> cells_of(std::string_view line) {
    std::vector<std::string> cells;
    while (!line.empty()) {
        const std::size_t n = std::max<std::size_t>(1, utf8_length(line));
        const std::string safe = printable(line.substr(0, n));
        // One column a character, whatever it is, so that the caret stands under the token.
        cells.push_back(line[0] == '\t'                           ? " "
                        : safe.front() == '\\' && line[0] != '\\' ? "?"
                                                                  : safe);
        line.remove_prefix(n);
    }
    return cells;
}

// Replaces hidden spans by ***, whatever their length, and moves the caret along.
void hide(shown_line& shown, std::vector<sources::span> spans) {
    std::reverse(spans.begin(), spans.end());
    for (const auto& span : spans) {
        const std::size_t from = span.from - 1;
        const std::size_t to = std::min<std::size_t>(span.to - 1, shown.cells.size());
        if (from >= to) continue;
        const auto begin = shown.cells.begin();
        shown.cells.erase(begin + static_cast<std::ptrdiff_t>(from),
                          begin + static_cast<std::ptrdiff_t>(to));
        shown.cells.insert(shown.cells.begin() + static_cast<std::ptrdiff_t>(from), 3, "*");
        if (shown.caret >= to) {
            shown.caret = shown.caret - (to - from) + 3;
        } else if (shown.caret >= from) {
            shown.caret = from;
            shown.length = 3;
        }
    }
}

void clip(shown_line& shown) {
    if (shown.cells.size() > shown_max) {
        const std::size_t start = shown.caret > before_max ? shown.caret - before_max : 0;
        if (start > 0) {
            shown.cells.erase(shown.cells.begin(),
                              shown.cells.begin() + static_cast<std::ptrdiff_t>(start));
            shown.cells.front() = "…";
            shown.caret -= start;
        }
        if (shown.cells.size() > shown_max) {
            shown.cells.resize(shown_max);
            shown.cells.back() = "…";
        }
    }
    const std::size_t room = std::max(shown.cells.size(), shown.caret + 1) - shown.caret;
    shown.length = std::clamp<std::size_t>(shown.length, 1, room);
}

shown_line show(const sources& files, const position& at) {
    shown_line shown;
    shown.cells = cells_of(files.line(at.file, at.line));
    shown.caret = at.column > 0 ? at.column - 1 : 0;
    shown.length = at.length != 0 ? at.length : token_length(shown.cells, shown.caret);
    hide(shown, files.hidden(at.file, at.line));
    clip(shown);
    return shown;
}

std::string place(const position& at) {
    if (at.file.empty()) return {};
    std::string out = printable(at.file);
    if (at.line != 0) {
        out += ':' + std::to_string(at.line) + ':' + std::to_string(std::max(1u, at.column));
    }
    return out + ": ";
}

void snippet(std::string& out, const sources& files, const diagnostic& d, const paint& p) {
    const shown_line shown = show(files, d.at);
    if (shown.cells.empty()) return;
    const std::string number = std::to_string(d.at.line);
    out += "  " + number + " | ";
    for (const auto& cell : shown.cells) out += cell;
    out += "\n" + std::string(number.size() + 3, ' ') + "| " + std::string(shown.caret, ' ');
    out += p.green();
    out += '^' + std::string(shown.length - 1, '~');
    out += p.off();
    if (!d.hint.empty()) out += ' ' + printable(d.hint);
    out += '\n';
}

std::string head_of(const diagnostic& d) {
    return (d.level == severity::error ? "error[" : "warning[") + number_text(d.number) + ']';
}

void write(std::string& out, const sources& files, const diagnostic& d, const paint& p) {
    const bool is_error = d.level == severity::error;
    out += p.bold() + place(d.at) + p.off();
    out += is_error ? p.red() : p.yellow();
    out += head_of(d);
    out += p.off();
    out += ": " + printable(d.message);
    const bool with_line = d.snippet && !files.line(d.at.file, d.at.line).empty();
    if (!with_line && !d.hint.empty()) out += " (" + printable(d.hint) + ')';
    out += '\n';
    if (with_line) snippet(out, files, d, p);
    const std::size_t digits = d.at.line != 0 ? std::to_string(d.at.line).size() : 1;
    const std::string margin(digits + 3, ' ');
    for (const auto& note : d.notes) out += margin + "= " + printable(note) + '\n';
    if (!d.docs.empty()) out += margin + "= docs: pkernel describe " + printable(d.docs) + '\n';
}

std::string counted(std::size_t n, const char* what) {
    return std::to_string(n) + ' ' + what + (n == 1 ? "" : "s");
}

// "2 errors, 0 warnings", with what was too much to keep.
std::string counts(const diagnostics& all, std::size_t shown, const char* joint) {
    const std::size_t unseen = all.errors() + all.warnings() - shown;
    const std::string more = unseen == 0 ? "" : counted(unseen, "more message") + " not shown";
    return more + (more.empty() ? "" : joint) + counted(all.errors(), "error") + ", " +
           counted(all.warnings(), "warning");
}

}  // namespace

std::string to_text(const diagnostics& all, bool colour) {
    std::string out;
    const paint p{colour};
    const auto sorted = all.sorted();
    for (const auto& d : sorted) write(out, all.files(), d, p);
    return out + counts(all, sorted.size(), "\n") + '\n';
}

std::vector<std::pair<severity, std::string>> to_lines(const diagnostics& all) {
    std::vector<std::pair<severity, std::string>> out;
    const auto sorted = all.sorted();
    for (const auto& d : sorted) {
        std::string line = place(d.at) + head_of(d) + ": " + printable(d.message);
        if (!d.hint.empty()) line += " (" + printable(d.hint) + ')';
        for (const auto& note : d.notes) line += "; " + printable(note);
        if (!d.docs.empty()) line += "; docs: pkernel describe " + printable(d.docs);
        out.emplace_back(d.level, std::move(line));
    }
    out.emplace_back(all.errors() != 0 ? severity::error : severity::warning,
                     counts(all, sorted.size(), "; "));
    return out;
}

std::string to_json(const diagnostics& all) {
    json_text json;
    json.open_object();
    json.key("errors").number(static_cast<std::int64_t>(all.errors()));
    json.key("warnings").number(static_cast<std::int64_t>(all.warnings()));
    json.key("exit_code").number(static_cast<int>(all.exit()));
    json.key("diagnostics").open_list();
    for (const auto& d : all.sorted()) {
        json.open_object();
        json.key("severity").text(d.level == severity::error ? "error" : "warning");
        json.key("code").text(number_text(d.number));
        json.key("file").text(d.at.file);
        json.key("line").number(d.at.line);
        json.key("column").number(d.at.column);
        json.key("length").number(d.at.length);
        json.key("message").text(d.message);
        json.key("hint").text(d.hint);
        json.key("notes").open_list();
        for (const auto& note : d.notes) json.text(note);
        json.close();
        json.key("docs").text(d.docs);
        json.key("exit_code").number(d.level == severity::error ? static_cast<int>(d.exit) : 0);
        json.close();
    }
    json.close().close();
    return json.take();
}

bool wants_colour(int fd) {
    const char* no_colour = std::getenv("NO_COLOR");
    return isatty(fd) == 1 && (no_colour == nullptr || *no_colour == '\0');
}

}  // namespace pkernel::config
