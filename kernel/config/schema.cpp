#include "kernel/config/schema.hpp"

#include <algorithm>
#include <set>
#include <vector>

#include "kernel/config/json_text.hpp"
#include "kernel/config/kernel_options.hpp"
#include "kernel/config/option_table.hpp"
#include "kernel/config/scalar.hpp"
#include "kernel/config/value.hpp"

namespace pkernel::config {

namespace {

// A '/' in a name would have to be escaped in each reference to it.
std::string definition(std::string_view point) {
    std::string out(point);
    std::replace(out.begin(), out.end(), '/', '.');
    return out;
}

std::string_view pattern_of(std::uint32_t type) {
    switch (type) {
        case PK_OPT_SIZE:
            return "^(0|[1-9][0-9]*)(B|KB|KiB|MB|MiB|GB|GiB|TB|TiB)$";
        case PK_OPT_DURATION:
            return "^((0|[1-9][0-9]*)(d|h|m|s|ms|us|ns))+$";
        case PK_OPT_RATE:
            return "^(0|[1-9][0-9]*)/([1-9][0-9]*)?(d|h|m|s|ms|us|ns)$";
        case PK_OPT_FIELD_NAME:
            return "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$";
        default:
            return {};
    }
}

class schema_writer {
public:
    explicit schema_writer(std::span<const plugin_entry> plugins) : plugins_(plugins) {}

    std::string run();

private:
    void option(const pk_option& o);
    void body(const pk_option& o);
    void scalar(const pk_option& o);
    void initial(const pk_option& o);
    void table(const pk_option_table& t);
    void object(const pk_option_table& t);
    void point(const std::string& id);
    void expandable(auto write);

    std::span<const plugin_entry> plugins_;
    json_text json_;
    std::set<std::string> points_;  // Referred to.
    std::vector<const pk_option_table*> open_;
};

// Any value may also be written with ${…}, which no pattern can judge.
void schema_writer::expandable(auto write) {
    json_.key("anyOf").open_list().open_object();
    write();
    json_.close().open_object().key("$ref").text("#/$defs/expanded").close().close();
}

void schema_writer::option(const pk_option& o) {
    json_.open_object();
    if (o.doc.size != 0) json_.key("description").text(view(o.doc));
    initial(o);
    body(o);
    json_.close();
}

void schema_writer::initial(const pk_option& o) {
    const std::string_view text = view(o.default_text);
    if (text.empty() || !is_scalar(o.type)) return;
    json_.key("default");
    if (o.type == PK_OPT_BOOL) {
        json_.boolean(text == "true");
    } else if (o.type == PK_OPT_INTEGER || o.type == PK_OPT_STATUS) {
        json_.number(parse_integer(text).value);
    } else {
        json_.text(text);
    }
}

void schema_writer::body(const pk_option& o) {
    switch (o.type) {
        case PK_OPT_LIST: {
            const bool bare = is_scalar(o.element->type);
            if (bare) json_.key("anyOf").open_list().open_object();
            json_.key("type").text("array").key("items");
            option(*o.element);
            if (has(o, PK_OPTION_NOT_EMPTY)) json_.key("minItems").number(1);
            if (!bare) return;
            json_.close();
            option(*o.element);
            json_.close();
            return;
        }
        case PK_OPT_MAP:
            json_.key("type").text("object").key("additionalProperties");
            option(*o.element);
            if (has(o, PK_OPTION_NOT_EMPTY)) json_.key("minProperties").number(1);
            return;
        case PK_OPT_TABLE:
            return table(*o.table);
        case PK_OPT_PLUGIN:
            points_.insert(std::string(view(o.point)));
            json_.key("$ref").text("#/$defs/" + definition(view(o.point)));
            return;
        default:
            return scalar(o);
    }
}

void schema_writer::scalar(const pk_option& o) {
    const bool low = has(o, PK_OPTION_HAS_MIN);
    const bool high = has(o, PK_OPTION_HAS_MAX);
    switch (o.type) {
        case PK_OPT_BOOL:
            return expandable([&] { json_.key("type").text("boolean"); });
        case PK_OPT_INTEGER:
            return expandable([&] {
                json_.key("type").text("integer");
                if (low) json_.key("minimum").number(o.min);
                if (high) json_.key("maximum").number(o.max);
            });
        case PK_OPT_STATUS:
            return expandable([&] {
                json_.key("type").text("integer");
                json_.key("minimum").number(100).key("maximum").number(599);
            });
        case PK_OPT_ENUM:
            return expandable([&] {
                json_.key("enum").open_list();
                for (const auto choice : choices_of(o)) json_.text(choice);
                json_.close();
            });
        default:
            break;
    }
    if (const auto pattern = pattern_of(o.type); !pattern.empty()) {
        return expandable([&] { json_.key("type").text("string").key("pattern").text(pattern); });
    }
    json_.key("type").open_list().text("string").text("number").text("boolean").close();
}

void schema_writer::table(const pk_option_table& t) {
    const pk_option* main = main_option(t);
    if (main == nullptr) return object(t);
    json_.key("anyOf").open_list().open_object();
    object(t);
    json_.close();
    option(*main);
    json_.close();
}

void schema_writer::object(const pk_option_table& t) {
    json_.key("type").text("object");
    if (std::find(open_.begin(), open_.end(), &t) != open_.end()) return;  // It holds itself.
    open_.push_back(&t);
    json_.key("additionalProperties").boolean(false);
    json_.key("properties").open_object();
    for (std::uint32_t i = 0; i < t.count; ++i) {
        json_.key(view(option_at(t, i).name));
        option(option_at(t, i));
    }
    json_.close();
    json_.key("required").open_list();
    for (std::uint32_t i = 0; i < t.count; ++i) {
        if (has(option_at(t, i), PK_OPTION_REQUIRED)) json_.text(view(option_at(t, i).name));
    }
    json_.close();
    open_.pop_back();
}

void schema_writer::point(const std::string& id) {
    std::vector<const plugin_entry*> here;
    for (const auto& p : plugins_) {
        if (p.point == id) here.push_back(&p);
    }
    const std::string_view built_in = built_in_name(id);
    json_.key(definition(id)).open_object();
    if (here.empty() && built_in.empty()) {
        json_.key("description").text("No plugin for this is installed.").key("not");
        json_.open_object().close().close();
        return;
    }
    json_.key("anyOf").open_list().open_object().key("enum").open_list();
    if (!built_in.empty()) json_.text(built_in);
    for (const auto* p : here) json_.text(p->name);
    json_.close().close();
    json_.open_object().key("type").text("object");
    json_.key("minProperties").number(1).key("maxProperties").number(1);
    json_.key("additionalProperties").boolean(false).key("properties").open_object();
    for (const auto* p : here) {
        json_.key(p->name).open_object().key("description").text(p->summary);
        json_.key("anyOf").open_list();
        json_.open_object().key("type").text("null").close().open_object();
        if (p->options != nullptr) {
            table(*p->options);
        } else {
            json_.key("type").text("object").key("maxProperties").number(0);
        }
        json_.close().close().close();
    }
    json_.close().close().close().close();
}

std::string schema_writer::run() {
    json_.open_object();
    json_.key("$schema").text("https://json-schema.org/draft/2020-12/schema");
    json_.key("title").text("pkernel configuration");
    table(kernel_options());
    json_.key("$defs").open_object();
    json_.key("expanded").open_object();
    json_.key("type").text("string").key("pattern").text("\\$\\{").close();
    // Writing one point may refer to others.
    std::set<std::string> written;
    for (;;) {
        const auto next = std::find_if(points_.begin(), points_.end(),
                                       [&](const auto& id) { return !written.contains(id); });
        if (next == points_.end()) break;
        written.insert(*next);
        point(std::string(*next));
    }
    json_.close().close();
    return json_.take();
}

}  // namespace

std::string json_schema(std::span<const plugin_entry> plugins) {
    return schema_writer(plugins).run();
}

}  // namespace pkernel::config
