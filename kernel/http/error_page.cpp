#include "kernel/http/error_page.hpp"

#include <algorithm>

#include "kernel/http/characters.hpp"
#include "kernel/http/writer.hpp"

namespace pkernel::http {

namespace {

// One element of Accept: its media range, and its weight in thousandths.
struct media_range {
    std::string_view type;
    int weight = 1000;
};

// RFC 9110 12.4.2: 0 or 1 with up to three decimals; anything else counts as 1.
int read_weight(std::string_view text) noexcept {
    if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return 1000;
    int weight = (text[0] - '0') * 1000;
    int unit = 100;
    for (std::size_t i = 2; i < text.size(); ++i, unit /= 10) {
        if (!is_a(text[i], char_digit)) return 1000;
        weight += (text[i] - '0') * unit;
    }
    return std::min(weight, 1000);
}

media_range read_range(std::string_view element) noexcept {
    media_range range;
    auto end = element.find(';');
    range.type = trim_blanks(element.substr(0, end));
    while (end != element.npos) {
        element.remove_prefix(end + 1);
        end = element.find(';');
        const auto parameter = trim_blanks(element.substr(0, end));
        if (parameter.size() > 1 && lower(parameter[0]) == 'q' && parameter[1] == '=')
            range.weight = read_weight(parameter.substr(2));
    }
    return range;
}

// How exactly a range names a type, from 0 (not at all) to 3, with the weight that it then gives.
struct match {
    int exactness = 0;
    int weight = 0;

    void offer(int exact, int w) noexcept {
        if (exact > exactness) *this = {exact, w};
    }
};

bool is_json(std::string_view type) noexcept {
    constexpr std::string_view suffix = "+json";
    if (same_text(type, "application/json") || same_text(type, "text/json")) return true;
    return type.size() > suffix.size() &&
           same_text(type.substr(type.size() - suffix.size()), suffix);
}

void append_html(std::string& out, std::string_view text) {
    for (const char c : text) switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            case '\'':
                out += "&#39;";
                break;
            default:
                out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
        }
}

// A byte that is no ASCII becomes U+FFFD: the text may be no UTF-8.
void append_json(std::string& out, std::string_view text) {
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte >= 0x80) {
            out += "\\ufffd";
        } else if (byte < 0x20 || byte == 0x7f) {
            out += "\\u00";
            out += "0123456789abcdef"[byte >> 4];
            out += "0123456789abcdef"[byte & 15];
        } else {
            out += c;
        }
    }
}

void append_member(std::string& out, std::string_view name, std::string_view value) {
    if (value.empty()) return;
    out += ",\"";
    out += name;
    out += "\":\"";
    append_json(out, value);
    out += '"';
}

constexpr std::string_view page_style =
    "<style>"
    ":root{color-scheme:light dark}"
    "body{margin:0;min-height:100vh;display:grid;place-items:center;"
    "font:16px/1.5 system-ui,sans-serif;background:#f6f7f9;color:#1c2330}"
    "main{max-width:34rem;padding:2rem}"
    "h1{margin:0;font-size:3.5rem;line-height:1;font-weight:700;color:#3b5bdb}"
    "h2{margin:.25rem 0 1rem;font-size:1.25rem;font-weight:600}"
    "dl{display:grid;grid-template-columns:auto 1fr;gap:.1rem .75rem;margin:1.25rem 0 0;"
    "font-size:.85rem;color:#667}dd{margin:0;font-family:ui-monospace,monospace}"
    "@media(prefers-color-scheme:dark){body{background:#15181e;color:#e6e8ec}"
    "h1{color:#8da2fb}dl{color:#9aa3b2}}"
    "</style>";

void append_entry(std::string& out, std::string_view name, std::string_view value) {
    if (value.empty()) return;
    out += "<dt>";
    out += name;
    out += "</dt><dd>";
    append_html(out, value);
    out += "</dd>";
}

std::string_view title_of(const error_page& page) noexcept {
    const auto phrase = reason_phrase(page.status);
    return phrase.empty() ? "Error" : phrase;
}

}  // namespace

bool prefers_json(std::string_view accept) noexcept {
    match json;
    match html;
    while (!accept.empty()) {
        const auto range = read_range(next_element(accept));
        if (is_json(range.type)) json.offer(3, range.weight);
        if (same_text(range.type, "application/*")) json.offer(2, range.weight);
        if (same_text(range.type, "text/html")) html.offer(3, range.weight);
        if (same_text(range.type, "text/*")) html.offer(2, range.weight);
        if (range.type == "*/*") {
            json.offer(1, range.weight);
            html.offer(1, range.weight);
        }
    }
    if (json.weight != html.weight) return json.weight > html.weight;
    return json.weight > 0 && json.exactness > html.exactness;
}

std::string render_html(const error_page& page) {
    const auto code = std::to_string(page.status);
    std::string out;
    out.reserve(2048);
    out +=
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content=\"width=device-width\"><title>";
    out += code;
    out += ' ';
    append_html(out, title_of(page));
    out += "</title>";
    out += page_style;
    out += "<main><h1>";
    out += code;
    out += "</h1><h2>";
    append_html(out, title_of(page));
    out += "</h2>";
    if (!page.detail.empty()) {
        out += "<p>";
        append_html(out, page.detail);
        out += "</p>";
    }
    if (!page.cause.empty() || !page.request_id.empty()) {
        out += "<dl>";
        append_entry(out, "Cause", page.cause);
        append_entry(out, "Request", page.request_id);
        out += "</dl>";
    }
    out += "</main></html>\n";
    return out;
}

std::string render_json(const error_page& page) {
    std::string out = "{\"status\":" + std::to_string(page.status);
    append_member(out, "error", title_of(page));
    append_member(out, "cause", page.cause);
    append_member(out, "detail", page.detail);
    append_member(out, "request_id", page.request_id);
    out += "}\n";
    return out;
}

}  // namespace pkernel::http
