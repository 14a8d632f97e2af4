#include <algorithm>

#include "kernel/config/option_table.hpp"
#include "kernel/config/reader.hpp"
#include "kernel/config/scalar.hpp"
#include "kernel/config/text.hpp"

namespace pkernel::config {

namespace {

std::string number_as(std::uint32_t type, std::int64_t number) {
    if (type == PK_OPT_SIZE) return size_text(number);
    if (type == PK_OPT_DURATION) return duration_text(number);
    return std::to_string(number);
}

// Whether `text` may stand as a field's value, and why not.
std::string field_value_problem(std::string_view text) {
    const auto control = [](char c) {
        const auto u = static_cast<unsigned char>(c);
        return (u < 0x20 && c != '\t') || u == 0x7f;
    };
    if (std::any_of(text.begin(), text.end(), control)) return "it without control characters";
    const auto space = [](char c) { return c == ' ' || c == '\t'; };
    if (!text.empty() && (space(text.front()) || space(text.back()))) {
        return "it without white space around";
    }
    return {};
}

// What people write for true and false elsewhere.
std::string_view bool_remedy(std::string_view text) {
    const std::string word = lower(text);
    for (const auto yes : {"true", "yes", "on", "1", "enabled"}) {
        if (word == yes) return "true";
    }
    for (const auto no : {"false", "no", "off", "0", "disabled"}) {
        if (word == no) return "false";
    }
    return "true or false";
}

}  // namespace

bool option_reader::wrong(code number, std::string_view what, const node& n,
                          std::string_view remedy, const scope& s) {
    diagnostic d;
    d.number = number;
    d.at = n.at;
    d.message = what;
    d.message += s.secret ? " of " + in_quotes(s.name) : ' ' + in_quotes(n.shown());
    d.message += " is not valid";
    // What an expanded value should have been would show what it was.
    if (!s.secret && n.raw.empty()) d.message += "; write " + std::string(remedy);
    if (!n.raw.empty()) d.notes.push_back("the value of ${…} is not shown");
    d.snippet = false;
    out_->add(std::move(d));
    return false;
}

void option_reader::scalar(value& v, const node& n, const pk_option& o, const scope& s) {
    if (n.kind != node_kind::scalar) {
        report(code::wrong_kind, n.at,
               in_quotes(s.name) + " takes one value (" + type_name(o) + "), not " +
                   std::string(kind_name(n)),
               s);
        return;
    }
    if (n.is_null()) {
        report(code::no_value, n.at, in_quotes(s.name) + " has no value", s);
        return;
    }
    bool ok = false;
    switch (o.type) {
        case PK_OPT_BOOL:
        case PK_OPT_INTEGER:
        case PK_OPT_SIZE:
        case PK_OPT_DURATION:
        case PK_OPT_STATUS:
            ok = number(v, n, o, s) && in_range(v, n, o, s);
            break;
        case PK_OPT_RATE:
            ok = rate(v, n, s) && in_range(v, n, o, s);
            break;
        case PK_OPT_ADDRESS:
        case PK_OPT_CIDR:
            ok = address(v, n, o, s);
            break;
        case PK_OPT_PATH:
        case PK_OPT_FILE:
            ok = path(v, n, o, s);
            break;
        case PK_OPT_ENUM:
            ok = choice(v, n, o, s);
            break;
        default:
            ok = text(v, n, o, s);
    }
    v.raw = s.memory->keep(n.raw);
    v.type = ok ? o.type : std::uint32_t{PK_OPT_NONE};
}

bool option_reader::number(value& v, const node& n, const pk_option& o, const scope& s) {
    number_text parsed;
    switch (o.type) {
        case PK_OPT_BOOL:
            v.integer = n.text == "true" ? 1 : 0;
            return n.text == "true" || n.text == "false" ||
                   wrong(code::not_bool, "true or false", n, bool_remedy(n.text), s);
        case PK_OPT_SIZE:
            parsed = parse_size(n.text);
            if (!parsed.ok) return wrong(code::not_size, "size", n, parsed.remedy, s);
            break;
        case PK_OPT_DURATION:
            parsed = parse_duration(n.text);
            if (!parsed.ok) return wrong(code::not_duration, "duration", n, parsed.remedy, s);
            break;
        case PK_OPT_STATUS:
            parsed = parse_integer(n.text);
            if (!parsed.ok || parsed.value < 100 || parsed.value > 599) {
                return wrong(code::not_status, "status", n, "a number from 100 to 599", s);
            }
            break;
        default:
            parsed = parse_integer(n.text);
            if (!parsed.ok) return wrong(code::not_integer, "number", n, parsed.remedy, s);
    }
    v.integer = parsed.value;
    return true;
}

bool option_reader::rate(value& v, const node& n, const scope& s) {
    const rate_text parsed = parse_rate(n.text);
    if (!parsed.ok) return wrong(code::not_rate, "rate", n, parsed.remedy, s);
    v.integer = parsed.count;
    v.period = parsed.period;
    return true;
}

bool option_reader::in_range(const value& v, const node& n, const pk_option& o, const scope& s) {
    const bool low = has(o, PK_OPTION_HAS_MIN) && v.integer < o.min;
    const bool high = has(o, PK_OPTION_HAS_MAX) && v.integer > o.max;
    if (!low && !high) return true;
    diagnostic d;
    d.number = code::out_of_range;
    d.at = n.at;
    d.message = in_quotes(s.name) + (low ? " is at least " : " is at most ") +
                number_as(o.type, low ? o.min : o.max);
    if (!s.secret) d.message += ", not " + in_quotes(n.shown());
    d.snippet = false;
    out_->add(std::move(d));
    return false;
}

bool option_reader::text(value& v, const node& n, const pk_option& o, const scope& s) {
    std::string kept = n.text;
    if (o.type == PK_OPT_FIELD_NAME) {
        if (!is_token(kept)) {
            return wrong(code::not_field_name, "field name", n, "a name such as X-Request-Id", s);
        }
        kept = lower(kept);
    } else if (o.type == PK_OPT_FIELD_VALUE) {
        const std::string remedy = field_value_problem(kept);
        if (!remedy.empty()) return wrong(code::not_field_value, "field value", n, remedy, s);
    }
    if (kept.empty() && has(o, PK_OPTION_NOT_EMPTY)) {
        report(code::empty, n.at, in_quotes(s.name) + " must not be empty", s);
        return false;
    }
    v.text = s.memory->keep_str(kept);
    return true;
}

bool option_reader::address(value& v, const node& n, const pk_option& o, const scope& s) {
    const bool cidr = o.type == PK_OPT_CIDR;
    const address_text parsed = cidr ? parse_cidr(n.text) : parse_address(n.text);
    if (!parsed.ok) {
        return wrong(cidr ? code::not_cidr : code::not_address, cidr ? "network" : "address", n,
                     parsed.remedy, s);
    }
    v.address = parsed.value;
    v.text = s.memory->keep_str(parsed.canonical);
    return true;
}

bool option_reader::path(value& v, const node& n, const pk_option& o, const scope& s) {
    if (n.text.empty() || n.text.find('\0') != std::string::npos) {
        return wrong(code::not_path, "path", n, "the name of a file or directory", s);
    }
    const std::string full = resolve_path(n.text, n.at.file, cwd_);
    if (o.type == PK_OPT_PATH) {
        v.text = s.memory->keep_str(full);
        return true;
    }
    const file_text content = outside_.read(full, option_file_max);
    if (!content.ok) {
        const std::string_view shown = n.raw.empty() ? std::string_view(full) : n.shown();
        report(code::option_file, n.at, "cannot read " + in_quotes(shown) + ": " + content.problem,
               s);
        return false;
    }
    v.text = s.memory->keep_str(content.bytes);
    v.path = s.memory->keep_str(full);
    return true;
}

bool option_reader::choice(value& v, const node& n, const pk_option& o, const scope& s) {
    const auto choices = choices_of(o);
    const auto found = std::find(choices.begin(), choices.end(), n.text);
    if (found != choices.end()) {
        v.integer = found - choices.begin();
        v.text = s.memory->keep_str(*found);
        return true;
    }
    diagnostic d;
    d.number = code::not_choice;
    d.at = n.at;
    d.message = in_quotes(s.name) + " is one of " + joined(choices);
    if (!s.secret) d.message += ", not " + in_quotes(n.shown());
    if (!s.secret && n.raw.empty()) d.hint = did_you_mean(nearest(n.text, choices));
    d.docs = s.docs;
    out_->add(std::move(d));
    return false;
}

}  // namespace pkernel::config
