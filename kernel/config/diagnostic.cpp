#include "kernel/config/diagnostic.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace pkernel::config {

void diagnostics::add(diagnostic d) {
    d.at.file = files_.name(d.at.file);
    if (std::ranges::find(lost_, d.at) != lost_.end()) return;
    if (d.level == severity::warning) {
        ++warnings_;
    } else {
        ++errors_;
        if (exit_ == exit_class::ok || d.exit < exit_) exit_ = d.exit;
    }
    if (kept_.size() < kept_max) kept_.push_back(std::move(d));
}

void diagnostics::error(code number, position at, std::string message) {
    diagnostic d;
    d.number = number;
    d.at = at;
    d.message = std::move(message);
    add(std::move(d));
}

void diagnostics::warning(code number, position at, std::string message) {
    diagnostic d;
    d.number = number;
    d.at = at;
    d.message = std::move(message);
    d.level = severity::warning;
    add(std::move(d));
}

void diagnostics::lost(position at) {
    at.file = files_.name(at.file);
    if (lost_.size() < kept_max) lost_.push_back(at);
}

std::vector<diagnostic> diagnostics::sorted() const {
    std::vector<diagnostic> out = kept_;
    const auto place = [this](const diagnostic& d) {
        const std::size_t rank = d.at.file.empty() ? 0 : files_.rank(d.at.file) + 1;
        return std::tuple(rank, d.at.line, d.at.column);
    };
    std::stable_sort(out.begin(), out.end(),
                     [&](const diagnostic& a, const diagnostic& b) { return place(a) < place(b); });
    return out;
}

}  // namespace pkernel::config
