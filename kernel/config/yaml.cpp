#include "kernel/config/yaml.hpp"

#include <libfyaml.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <new>
#include <string>
#include <unordered_map>
#include <utility>

#include "kernel/config/likely_secret.hpp"
#include "kernel/config/text.hpp"
#include "kernel/config/yaml_words.hpp"

namespace pkernel::config {

namespace {

struct parser_end {
    void operator()(fy_parser* p) const { fy_parser_destroy(p); }
};
struct diag_end {
    void operator()(fy_diag* d) const { fy_diag_destroy(d); }
};

std::string_view text_of(fy_token* token) {
    std::size_t size = 0;
    const char* text = fy_token_get_text(token, &size);
    return text ? std::string_view(text, size) : std::string_view();
}

// Builds the tree from the parser's events with a stack of its own, so that depth and number of
// nodes are bounded before anything is built.
class tree_builder {
public:
    tree_builder(std::string_view file, diagnostics& out, const yaml_limits& limits)
        : file_(file), out_(out), limits_(limits) {}

    // False ends the parse: the rest would only repeat the error.
    bool take(fy_event* event);

    node finish();

private:
    using keys = std::unordered_map<std::string, position>;
    struct open_node {
        node built;
        std::optional<node> key;  // Of a map: waits for its value.
        keys seen;
    };

    position at(const fy_mark* from, const fy_mark* to) const;
    bool plain(fy_token* anchor, fy_token* tag);
    bool alias(fy_token* name);
    bool document(fy_event* event);
    bool begin(fy_event* event, node_kind kind, fy_token* anchor, fy_token* tag);
    bool scalar(fy_event* event);
    bool place(node n);
    bool add_key(open_node& map, node key);
    bool fail(code number, const position& where, std::string message);
    void ended(node& n, fy_event* event) const;

    std::string_view file_;
    diagnostics& out_;
    const yaml_limits& limits_;
    std::vector<open_node> open_;
    std::optional<node> root_;
    std::size_t nodes_ = 0;
    std::size_t documents_ = 0;
};

position tree_builder::at(const fy_mark* from, const fy_mark* to) const {
    position p;
    p.file = file_;
    if (from == nullptr) return p;
    p.line = static_cast<std::uint32_t>(from->line + 1);
    p.column = static_cast<std::uint32_t>(from->column + 1);
    if (to != nullptr && to->line == from->line && to->column > from->column) {
        p.length = static_cast<std::uint32_t>(to->column - from->column);
    }
    return p;
}

void tree_builder::ended(node& n, fy_event* event) const {
    const fy_mark* mark = fy_event_end_mark(event);
    if (mark == nullptr) return;
    n.end_line = static_cast<std::uint32_t>(mark->line + 1);
    n.end_column = static_cast<std::uint32_t>(mark->column + 1);
}

bool tree_builder::fail(code number, const position& where, std::string message) {
    hide_likely_secret(out_.files(), where);
    out_.error(number, where, std::move(message));
    return false;
}

bool tree_builder::plain(fy_token* anchor, fy_token* tag) {
    if (fy_token* odd = anchor ? anchor : tag) {
        position where = at(fy_token_start_mark(odd), nullptr);
        if (anchor && where.column > 1) --where.column;  // The mark is behind the & or *.
        return fail(code::yaml_feature, where,
                    std::string(anchor ? "anchors and aliases" : "tags") +
                        " are not supported; write the value out");
    }
    return true;
}

// *.example.com is how a host without its quotes looks, too.
bool tree_builder::alias(fy_token* name) {
    const std::string_view text = text_of(name);
    if (!text.starts_with('.') && !text.starts_with(':')) return plain(name, nullptr);
    position where = at(fy_token_start_mark(name), nullptr);
    if (where.column > 1) --where.column;
    return fail(code::yaml_feature, where,
                "a value cannot begin with '*'; put it in quotes: \"*" + std::string(text) + '"');
}

bool tree_builder::take(fy_event* event) {
    switch (event->type) {
        case FYET_DOCUMENT_START:
            return document(event);
        case FYET_ALIAS:
            return alias(event->alias.anchor);
        case FYET_SCALAR:
            return plain(event->scalar.anchor, event->scalar.tag) && scalar(event);
        case FYET_SEQUENCE_START:
            return begin(event, node_kind::list, event->sequence_start.anchor,
                         event->sequence_start.tag);
        case FYET_MAPPING_START:
            return begin(event, node_kind::map, event->mapping_start.anchor,
                         event->mapping_start.tag);
        case FYET_SEQUENCE_END:
        case FYET_MAPPING_END: {
            node done = std::move(open_.back().built);
            open_.pop_back();
            ended(done, event);
            return place(std::move(done));
        }
        default:
            return true;
    }
}

bool tree_builder::document(fy_event* event) {
    const position where = at(fy_event_start_mark(event), fy_event_end_mark(event));
    if (++documents_ > 1) {
        return fail(code::second_document, where,
                    "a second document begins here; a config file holds one");
    }
    fy_document_state* state = event->document_start.document_state;
    if (fy_document_state_version_explicit(state) || fy_document_state_tags_explicit(state)) {
        return fail(code::yaml_feature, where, "directives are not supported; leave them out");
    }
    return true;
}

bool tree_builder::begin(fy_event* event, node_kind kind, fy_token* anchor, fy_token* tag) {
    if (!plain(anchor, tag)) return false;
    open_node n;
    n.built.kind = kind;
    n.built.at = at(fy_event_start_mark(event), fy_event_end_mark(event));
    if (open_.size() == limits_.depth_max) {
        return fail(code::too_deep, n.built.at,
                    "nested deeper than " + std::to_string(limits_.depth_max) + " levels");
    }
    open_.push_back(std::move(n));
    return true;
}

bool tree_builder::scalar(fy_event* event) {
    node n;
    fy_token* value = event->scalar.value;
    n.at = at(fy_event_start_mark(event), fy_event_end_mark(event));
    const auto style = value != nullptr ? fy_token_scalar_style(value) : FYSS_PLAIN;
    n.quoted = style != FYSS_PLAIN;
    if (value != nullptr) n.text = text_of(value);
    ended(n, event);
    if (style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED) {
        // The marks are those of the text between the quotes.
        if (n.at.column > 1) --n.at.column;
        ++n.end_column;
        n.at.length = n.end_line == n.at.line ? n.end_column - n.at.column : 0;
    }
    return place(std::move(n));
}

bool tree_builder::place(node n) {
    if (++nodes_ > limits_.nodes_max) {
        return fail(code::too_many_nodes, n.at,
                    "more than " + std::to_string(limits_.nodes_max) + " values");
    }
    if (open_.empty()) {
        root_ = std::move(n);
        return true;
    }
    open_node& parent = open_.back();
    if (n.at.line == 0)
        n.at = parent.key ? parent.key->at : parent.built.at;  // Nothing is nowhere.
    if (parent.built.kind == node_kind::list) {
        parent.built.items.push_back(std::move(n));
        return true;
    }
    if (!parent.key) return add_key(parent, std::move(n));
    parent.built.entries.push_back({std::move(*parent.key), std::move(n)});
    parent.key.reset();
    return true;
}

bool tree_builder::add_key(open_node& map, node key) {
    if (key.kind != node_kind::scalar || (key.text.empty() && !key.quoted)) {
        return fail(code::key_not_text, key.at, "a key must be a text");
    }
    const auto [known, is_new] = map.seen.emplace(key.text, key.at);
    if (!is_new) {
        diagnostic d;
        d.number = code::duplicate_key;
        d.at = key.at;
        d.message = in_quotes(key.text) + " is given twice";
        d.notes.push_back("the first one is in line " + std::to_string(known->second.line));
        out_.add(std::move(d));
        hide_likely_secret(out_.files(), key.at);
    }
    map.key = std::move(key);
    return true;
}

node tree_builder::finish() {
    if (root_ && !root_->is_null()) return std::move(*root_);
    node empty;
    empty.kind = node_kind::map;
    empty.at = {file_, 0, 0, 0};
    return empty;
}

// The first message is the cause; libfyaml's later ones say that the parse failed.
void report_syntax(fy_diag* diag, std::string_view bytes, std::string_view file, diagnostics& out) {
    void* previous = nullptr;
    const fy_diag_error* e = fy_diag_errors_iterate(diag, &previous);
    position where{file, 0, 0, 0};
    std::string message = "not valid YAML";
    if (e != nullptr) {
        where.line = static_cast<std::uint32_t>(std::max(e->line, 1));
        where.column = static_cast<std::uint32_t>(std::max(e->column, 1));
        message += ": " + plain_words(e->msg ? e->msg : "unknown error");
    }
    hide_likely_secret(out.files(), where);
    diagnostic d;
    d.number = code::yaml_syntax;
    d.at = where;
    d.message = std::move(message);
    if (const auto note = other_language(bytes); !note.empty()) d.notes.emplace_back(note);
    out.add(std::move(d));
}

bool check_bytes(std::string_view bytes, std::string_view file, diagnostics& out,
                 const yaml_limits& limits) {
    if (bytes.size() > limits.bytes_max) {
        out.error(code::file_too_large, {file, 0, 0, 0},
                  "larger than " + std::to_string(limits.bytes_max >> 10) + "KiB");
        return false;
    }
    position where{file, 1, 1, 1};
    for (std::string_view rest = bytes; !rest.empty();) {
        const std::size_t n = utf8_length(rest);
        const auto c = static_cast<unsigned char>(rest[0]);
        const bool control = (c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f;
        if (n == 0 || control) {
            char hex[8];
            std::snprintf(hex, sizeof hex, "0x%02x", c);
            hide_likely_secret(out.files(), where);
            out.error(code::not_utf8, where,
                      std::string("byte ") + hex +
                          (control ? " is a control character" : " is not UTF-8"));
            return false;
        }
        ++where.column;
        if (c == '\n') {
            ++where.line;
            where.column = 1;
        }
        rest.remove_prefix(n);
    }
    return true;
}

}  // namespace

std::string_view kind_name(const node& n) {
    switch (n.kind) {
        case node_kind::list:
            return "a list";
        case node_kind::map:
            return "a map";
        default:
            return n.is_null() ? "nothing" : "a text";
    }
}

std::optional<node> parse_yaml(std::string_view bytes, std::string_view file, diagnostics& out,
                               const yaml_limits& limits) {
    file = out.files().name(file);
    out.files().add(file, std::string(bytes));
    const std::size_t errors_before = out.errors();
    if (!check_bytes(bytes, file, out, limits)) return std::nullopt;

    fy_diag_cfg diag_conf{};
    fy_diag_cfg_default(&diag_conf);
    diag_conf.fp = nullptr;
    const std::unique_ptr<fy_diag, diag_end> diag(fy_diag_create(&diag_conf));
    if (!diag) throw std::bad_alloc();
    fy_diag_set_collect_errors(diag.get(), true);
    fy_parse_cfg conf{};
    conf.flags = static_cast<fy_parse_cfg_flags>(FYPCF_QUIET | FYPCF_COLLECT_DIAG |
                                                 FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE);
    conf.diag = diag.get();
    const std::unique_ptr<fy_parser, parser_end> parser(fy_parser_create(&conf));
    if (!parser || fy_parser_set_string(parser.get(), bytes.data(), bytes.size()) != 0) {
        throw std::bad_alloc();
    }
    tree_builder tree(file, out, limits);
    while (fy_event* event = fy_parser_parse(parser.get())) {
        const bool more = event->type != FYET_STREAM_END && tree.take(event);
        const bool ended = event->type == FYET_STREAM_END;
        fy_parser_event_free(parser.get(), event);
        if (!more && !ended) return std::nullopt;
        if (ended) break;
    }
    if (fy_parser_get_stream_error(parser.get()) || fy_diag_got_error(diag.get())) {
        report_syntax(diag.get(), bytes, file, out);
    }
    if (out.errors() != errors_before) return std::nullopt;
    return tree.finish();
}

std::optional<node> parse_yaml_value(std::string_view text) {
    diagnostics ignored;
    auto tree = parse_yaml(text, "default", ignored);
    return tree;
}

}  // namespace pkernel::config
