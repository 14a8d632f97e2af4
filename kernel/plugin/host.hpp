// The host of one instance: the pk_host that its code holds, and what the kernel keeps behind it.

#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/config/diagnostic.hpp"
#include "kernel/config/plugin_use.hpp"
#include "kernel/plugin/metrics.hpp"
#include "kernel/plugin/services.hpp"
#include "pkernel/abi/host.h"

namespace pkernel::plugin {

class host : public pk_host {
public:
    host(services& all, const config::plugin_use& use);
    host(const host&) = delete;
    host& operator=(const host&) = delete;

    // Requires a pk_host that is one of ours, as every one is that an instance can hold.
    static host& of(const pk_host* h) noexcept {
        return static_cast<host&>(const_cast<pk_host&>(*h));
    }

    // What stands between its start and end may report through host->error. Reports at other times
    // are not lost: they are log lines.
    class listening {
    public:
        listening(host& h, config::diagnostics& out, bool creating = false) noexcept : host_(h) {
            h.out_ = &out;
            h.creating_ = creating;
            h.errors_ = 0;
        }
        ~listening() {
            host_.out_ = nullptr;
            host_.creating_ = false;
        }
        listening(const listening&) = delete;
        listening& operator=(const listening&) = delete;
        std::size_t errors() const noexcept { return host_.errors_; }

    private:
        host& host_;
    };

    // A file that the plugin said it reads, and what was in it when it said so.
    struct dependency {
        std::string path;
        config::digest content;
    };
    // Of the file's bytes, or of why they cannot be read.
    static config::digest content_of(const std::string& path);

    services& all() const noexcept { return services_; }
    bool creating() const noexcept { return creating_; }
    const std::string& label_text() const noexcept { return label_; }
    const std::vector<dependency>& dependencies() const noexcept { return dependencies_; }
    metric_set& metrics();  // [control] the first time, then [any].
    metric_set* metrics_if_any() const noexcept { return metrics_.get(); }

    // Puts an error or warning where `node` stands, or the instance when it is null.
    void report(config::severity level, const pk_node* node, std::string_view message);
    void depend_on(std::string_view path);

private:
    services& services_;
    const config::plugin_use& use_;
    const std::string label_;
    config::diagnostics* out_ = nullptr;
    bool creating_ = false;
    std::size_t errors_ = 0;
    std::vector<dependency> dependencies_;
    std::shared_ptr<metric_set> metrics_;
};

}  // namespace pkernel::plugin
