// The host as an instance sees it: who it is, where errors go, and the door to the services.

#pragma once

#include <pkernel/abi/host.h>
#include <pkernel/abi/logger.h>
#include <pkernel/text.hpp>
#include <pkernel/values.hpp>

#include <stdexcept>
#include <string>

namespace pk {

// Thrown by a constructor, validate() or start() that cannot go on: the config is refused with this
// sentence, at the option's place in the file when one is named.
class config_error : public std::runtime_error {
public:
    explicit config_error(const std::string& message) : std::runtime_error(message) {}
    config_error(std::string_view option, const std::string& message)
        : std::runtime_error(message), option_(option) {}
    // About a file that an option names, at whatever depth.
    config_error(const file_content& about, const std::string& message)
        : std::runtime_error(message), node_(about.node) {}

    const std::string& option() const noexcept { return option_; }
    const pk_node* node() const noexcept { return node_; }

private:
    std::string option_;
    const pk_node* node_ = nullptr;
};

// Copyable; valid until the instance's destructor has returned.
class host {
public:
    explicit host(const pk_host* raw, const pk_option_table* table = nullptr,
                  const pk_node* options = nullptr) noexcept
        : raw_(raw), table_(table), options_(options), logger_(lookup<pk_logger>(PK_LOGGER_ID)) {}

    std::string_view label() const noexcept { return view(raw_->label); }
    std::uint32_t worker_count() const noexcept { return raw_->worker_count; }

    // [control] A service's table, or null where this kernel has none. The wrappers in services.hpp
    // ask for theirs.
    template <class Table>
    const Table* lookup(std::string_view id) const noexcept {
        return static_cast<const Table*>(raw_->get(raw_, str(id)));
    }
    template <class Table>
    const Table& required(std::string_view id) const {
        if (const auto* table = lookup<Table>(id)) return *table;
        throw config_error("this kernel does not offer " + std::string(id));
    }

    // [control] While the config is read. `option` is a top-level one, or empty for the instance.
    void error(std::string_view option, std::string_view message) const noexcept {
        raw_->error(raw_, node_of(option), str(message));
    }
    void warning(std::string_view option, std::string_view message) const noexcept {
        raw_->warning(raw_, node_of(option), str(message));
    }
    void error(const config_error& e) const noexcept {
        raw_->error(raw_, e.node() ? e.node() : node_of(e.option()), str(e.what()));
    }
    void warning(const file_content& about, std::string_view message) const noexcept {
        raw_->warning(raw_, about.node, str(message));
    }
    void depends_on(std::string_view name) const noexcept { raw_->depends_on(raw_, str(name)); }

    // [any] A line in the kernel's log; PK_LOG_....
    void log(std::uint32_t level, std::string_view line) const noexcept {
        if (logger_ != nullptr) logger_->write(raw_, level, str(line));
    }
    bool logs(std::uint32_t level) const noexcept {
        return logger_ != nullptr && logger_->enabled(raw_, level) != 0;
    }

    const pk_host* raw() const noexcept { return raw_; }

private:
    const pk_node* node_of(std::string_view option) const noexcept {
        if (option.empty() || table_ == nullptr || options_ == nullptr) return nullptr;
        for (std::uint32_t i = 0; i < table_->count && i < options_->count; ++i) {
            if (view(table_->first[i].name) != option) continue;
            const auto* first = reinterpret_cast<const char*>(options_->first);
            return reinterpret_cast<const pk_node*>(first + std::size_t{options_->stride} * i);
        }
        return nullptr;
    }

    const pk_host* raw_;
    const pk_option_table* table_;
    const pk_node* options_;
    const pk_logger* logger_;
};

}  // namespace pk
