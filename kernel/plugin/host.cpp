#include "kernel/plugin/host.hpp"

#include <algorithm>

#include "kernel/config/environment.hpp"
#include "pkernel/abi/clock.h"

namespace pkernel::plugin {
namespace {

constexpr std::size_t message_bytes_max = 1024;
constexpr std::size_t dependency_bytes_max = std::size_t{64} << 20;
constexpr std::size_t dependencies_max = 1024;

std::string_view view(pk_str s) {
    return {s.data, static_cast<std::size_t>(s.size)};
}

std::string label_of(const config::plugin_use& use) {
    return use.owner.empty() ? use.name : use.name + " on " + use.owner;
}

const void* get(const pk_host* h, pk_str id) {
    return host::of(h).all().find(view(id));
}

void error(const pk_host* h, const pk_node* node, pk_str message) {
    host::of(h).report(config::severity::error, node, view(message));
}

void warning(const pk_host* h, const pk_node* node, pk_str message) {
    host::of(h).report(config::severity::warning, node, view(message));
}

void depends_on(const pk_host* h, pk_str path) {
    host::of(h).depend_on(view(path));
}

}  // namespace

host::host(services& all, const config::plugin_use& use)
    : pk_host{}, services_(all), use_(use), label_(label_of(use)) {
    pk_host& api = *this;
    api.size = sizeof(pk_host);
    api.worker_count = all.worker_count();
    api.get = &plugin::get;
    api.error = &plugin::error;
    api.warning = &plugin::warning;
    api.depends_on = &plugin::depends_on;
    api.label = {label_.data(), label_.size()};
}

void host::report(config::severity level, const pk_node* node, std::string_view message) {
    message = message.substr(0, message_bytes_max);
    const bool is_error = level == config::severity::error;
    if (!out_) {
        services_.log(is_error ? PK_LOG_ERROR : PK_LOG_WARNING, label_, message);
        return;
    }
    if (is_error) ++errors_;
    config::diagnostic d;
    d.number = config::code::plugin_option;
    d.at = node ? config::position_of(*node) : use_.at;
    d.message = use_.name + ": " + std::string(message);
    d.docs = use_.name;
    d.level = level;
    out_->add(std::move(d));
}

config::digest host::content_of(const std::string& path) {
    const auto file = config::process_environment().read(path, dependency_bytes_max);
    return config::digest_of(file.ok ? "+" + file.bytes : "-" + file.problem);
}

void host::depend_on(std::string_view path) {
    const auto known = [path](const dependency& d) { return d.path == path; };
    if (!creating_ || dependencies_.size() == dependencies_max ||
        std::any_of(dependencies_.begin(), dependencies_.end(), known)) {
        return;
    }
    std::string owned(path);
    const auto content = content_of(owned);
    dependencies_.push_back({std::move(owned), content});
}

metric_set& host::metrics() {
    if (!metrics_) {
        metrics_ = services_.metrics().make({use_.name, use_.point, use_.owner, use_.ordinal});
    }
    return *metrics_;
}

}  // namespace pkernel::plugin
