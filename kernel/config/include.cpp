#include "kernel/config/include.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "kernel/config/expand.hpp"
#include "kernel/config/text.hpp"
#include "kernel/config/yaml.hpp"
#include "kernel/config/yaml_words.hpp"

namespace pkernel::config {

namespace {

class tree_reader {
public:
    tree_reader(environment& outside, diagnostics& out)
        : outside_(outside), out_(out), cwd_(outside.working_directory()) {}

    // `from`: the include that names the file; line 0 for the first file.
    bool add(const std::string& file, const position& from, node& into);

private:
    bool may_open(const std::string& path, const position& from);
    bool merge_file(node& tree, const std::string& file, node& into);
    bool includes(const node& value, const std::string& file, node& into);
    void merge(entry from, node& into);
    void twice(const entry& first, const entry& second);

    environment& outside_;
    diagnostics& out_;
    std::string cwd_;
    std::vector<std::string> open_;  // Absolute paths, outermost first.
    std::size_t files_ = 0;
};

bool tree_reader::may_open(const std::string& path, const position& from) {
    if (std::find(open_.begin(), open_.end(), path) != open_.end()) {
        out_.error(code::include_cycle, from, "the file includes itself: " + in_quotes(path));
        return false;
    }
    if (open_.size() > include_depth_max || files_ == include_files_max) {
        out_.error(code::include_depth, from,
                   "more than " + std::to_string(include_depth_max) + " includes deep, or " +
                       std::to_string(include_files_max) + " files");
        return false;
    }
    return true;
}

bool tree_reader::add(const std::string& file, const position& from, node& into) {
    const std::string path = resolve_path(file, "", cwd_);
    if (!may_open(path, from)) return false;
    ++files_;
    file_text text = outside_.read(path, yaml_limits{}.bytes_max);
    if (!text.ok) {
        const position at = from.line != 0 ? from : position{file, 0, 0, 0};
        const bool pattern = file.find_first_of("*?") != file.npos;
        out_.error(from.line != 0 ? code::include_unreadable : code::file_unreadable, at,
                   "cannot read " + in_quotes(file) + ": " +
                       (pattern ? "patterns are not known; name each file" : text.problem));
        return false;
    }
    auto tree = parse_yaml(text.bytes, file, out_);
    if (!tree) return false;
    if (tree->kind != node_kind::map) {
        diagnostic d;
        d.number = code::top_not_map;
        d.at = tree->at;
        d.message =
            "a config file is a map (listeners:, routes:, …), not " + std::string(kind_name(*tree));
        if (const auto note = other_language(text.bytes); !note.empty()) d.notes.emplace_back(note);
        out_.add(std::move(d));
        return false;
    }
    expand(*tree, outside_, cwd_, out_);
    if (into.at.file.empty()) into.at = tree->at;
    open_.push_back(path);
    const bool ok = merge_file(*tree, file, into);
    open_.pop_back();
    return ok;
}

bool tree_reader::merge_file(node& tree, const std::string& file, node& into) {
    bool ok = true;
    for (entry& e : tree.entries) {
        if (e.key.text == "include") {
            ok = includes(e.value, file, into) && ok;
        } else {
            merge(std::move(e), into);
        }
    }
    return ok;
}

bool tree_reader::includes(const node& value, const std::string& file, node& into) {
    const std::vector<node> one{value};
    bool ok = true;
    for (const node& name : value.kind == node_kind::list ? value.items : one) {
        if (name.kind != node_kind::scalar || name.text.empty()) {
            out_.error(code::wrong_kind, name.at, "include takes a file name or a list of them");
            ok = false;
            continue;
        }
        const auto beside = std::filesystem::path(file).parent_path() / name.text;
        ok = add(beside.lexically_normal().string(), name.at, into) && ok;
    }
    return ok;
}

void tree_reader::twice(const entry& first, const entry& second) {
    diagnostic d;
    d.number = code::duplicate_key;
    d.at = second.key.at;
    d.message = in_quotes(second.key.text) + " is given twice";
    d.notes.push_back("the first one is in " + std::string(first.key.at.file) + " line " +
                      std::to_string(first.key.at.line));
    out_.add(std::move(d));
}

void tree_reader::merge(entry from, node& into) {
    const auto known = std::find_if(into.entries.begin(), into.entries.end(),
                                    [&](const entry& e) { return e.key.text == from.key.text; });
    if (known == into.entries.end()) {
        into.entries.push_back(std::move(from));
        return;
    }
    if (from.value.is_null()) return;
    if (known->value.is_null()) {
        *known = std::move(from);
    } else if (known->value.kind != from.value.kind || from.value.kind == node_kind::scalar) {
        twice(*known, from);
    } else if (from.value.kind == node_kind::list) {
        auto& items = known->value.items;
        std::move(from.value.items.begin(), from.value.items.end(), std::back_inserter(items));
    } else {
        for (entry& e : from.value.entries) {
            const auto same =
                std::find_if(known->value.entries.begin(), known->value.entries.end(),
                             [&](const entry& other) { return other.key.text == e.key.text; });
            if (same != known->value.entries.end()) {
                twice(*same, e);
            } else {
                known->value.entries.push_back(std::move(e));
            }
        }
    }
}

}  // namespace

std::optional<node> read_tree(const std::string& file, environment& outside, diagnostics& out) {
    out.files().name(file);
    node tree;
    tree.kind = node_kind::map;
    if (!tree_reader(outside, out).add(file, {}, tree)) return std::nullopt;
    return tree;
}

}  // namespace pkernel::config
