#include "kernel/config/sources.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace pkernel::config {

std::string_view sources::name(std::string_view file) {
    if (file.empty()) return {};
    if (file == last_) return last_;  // All but a few calls.
    const auto known = std::find(names_->begin(), names_->end(), file);
    last_ = known != names_->end() ? *known : names_->emplace_back(file);
    return last_;
}

void sources::add(std::string_view file, std::string bytes) {
    if (texts_.contains(file)) return;
    text t;
    t.line_starts.push_back(0);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (bytes[i] == '\n') t.line_starts.push_back(i + 1);
    }
    t.bytes = std::move(bytes);
    texts_.emplace(name(file), std::move(t));
}

std::string_view sources::line(std::string_view file, std::uint32_t n) const {
    const auto found = texts_.find(file);
    if (found == texts_.end() || n == 0) return {};
    const text& t = found->second;
    if (n > t.line_starts.size()) return {};
    const std::size_t from = t.line_starts[n - 1];
    std::size_t to = n < t.line_starts.size() ? t.line_starts[n] - 1 : t.bytes.size();
    if (to > from && t.bytes[to - 1] == '\r') --to;
    return std::string_view(t.bytes).substr(from, to - from);
}

void sources::hide(const position& from, std::uint32_t end_line, std::uint32_t end_column) {
    if (from.line == 0) return;
    if (end_line == 0) {
        end_line = from.line;
        end_column = UINT32_MAX;
    }
    hidden_.push_back({name(from.file), from.line, from.column, end_line, end_column});
}

std::vector<sources::span> sources::hidden(std::string_view file, std::uint32_t line) const {
    std::vector<span> out;
    for (const range& r : hidden_) {
        if (r.file != file || line < r.line || line > r.end_line) continue;
        out.push_back(
            {line == r.line ? r.column : 1, line == r.end_line ? r.end_column : UINT32_MAX});
    }
    std::sort(out.begin(), out.end(), [](span a, span b) { return a.from < b.from; });
    std::size_t kept = 0;
    for (std::size_t i = 1; i < out.size(); ++i) {
        if (out[i].from <= out[kept].to) {
            out[kept].to = std::max(out[kept].to, out[i].to);
        } else {
            out[++kept] = out[i];
        }
    }
    if (!out.empty()) out.resize(kept + 1);
    return out;
}

std::size_t sources::rank(std::string_view file) const {
    const auto known = std::find(names_->begin(), names_->end(), file);
    return static_cast<std::size_t>(std::distance(names_->begin(), known));
}

}  // namespace pkernel::config
