#include "kernel/plugin/catalog.hpp"

#include <algorithm>
#include <numeric>
#include <optional>

namespace pkernel::plugin {
namespace {

// Edits that turn one name into the other: a letter put in, left out or replaced.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const auto replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, diagonal + 1, row[j] + 1});
        }
    }
    return row.back();
}

// The name that `name` was probably meant to be: a third of its letters may differ, at least one.
std::optional<std::string> nearest(std::string_view name, const std::vector<std::string>& names) {
    std::optional<std::string> best;
    std::size_t least = std::max<std::size_t>(1, name.size() / 3) + 1;
    for (const auto& n : names) {
        const auto d = distance(name, n);
        if (d == 0 || d >= least) continue;
        least = d;
        best = n;
    }
    return best;
}

}  // namespace

outcome<file_ptr> catalog::load(std::string_view name) const {
    if (const auto at = seen_.find(name); at != seen_.end()) return at->second;
    auto result = loader_.load(name);
    if (!result.has_value() && result.error().missing) {
        refusal why = result.error();
        if (const auto meant = nearest(name, loader_.names())) {
            why.hint = "did you mean '" + *meant + "'?";
        }
        result = std::move(why);
    }
    return seen_.emplace(name, std::move(result)).first->second;
}

config::lookup_result catalog::find(std::string_view name, std::string_view point) {
    config::lookup_result r;
    const auto file = load(name);
    if (!file.has_value()) {
        const bool missing = file.error().missing;
        r.number = missing ? config::code::plugin_missing : config::code::plugin_refused;
        r.problem = file.error().sentence;
        r.hint = file.error().hint;
        return r;
    }
    const auto offered = (*file)->at(point);
    if (!offered.has_value()) {
        const bool serves = (*file)->serves(point);
        r.number = serves ? config::code::plugin_table : config::code::plugin_point;
        r.exit = serves ? config::exit_class::plugin : config::exit_class::config;
        r.problem = offered.error().sentence;
        if (!serves) r.points = served_by(**file);
        return r;
    }
    r.found = true;
    r.options = offered->factory.options;
    r.version = (*file)->version();
    return r;
}

// The kernel offers services under ids like those of points; no plugin serves one.
std::vector<std::string> catalog::served_by(const plugin_file& file) const {
    std::vector<std::string> points;
    for (const std::string& id : loader_.abi().offers)
        if (file.serves(id)) points.push_back(id);
    return points;
}

std::vector<std::string> catalog::offered(std::string_view point) {
    std::vector<std::string> names;
    if (!browses_) return names;
    for (const std::string& name : loader_.names()) {
        const auto file = load(name);
        if (file.has_value() && (*file)->serves(point)) names.push_back(name);
    }
    return names;
}

std::vector<std::string> catalog::points_of(std::string_view name) {
    if (!browses_) return {};
    const auto names = loader_.names();
    if (std::find(names.begin(), names.end(), name) == names.end()) return {};
    const auto file = load(name);
    return file.has_value() ? served_by(**file) : std::vector<std::string>();
}

std::vector<listed> list_plugins(loader& files, std::span<const std::string> points) {
    std::vector<listed> out;
    for (const auto& name : files.names()) {
        listed entry{name, files.path_of(name), nullptr, {}, {}, {}};
        auto file = files.load(name);
        if (file.has_value()) {
            entry.file = *file;
            const auto& note = entry.file->note();
            entry.abi = std::to_string(note.abi_major) + "." + std::to_string(note.abi_minor);
            for (const auto& p : points) {
                if (entry.file->serves(p)) entry.points.push_back(p);
            }
        } else {
            entry.refused = file.error().text();
        }
        out.push_back(std::move(entry));
    }
    return out;
}

}  // namespace pkernel::plugin
