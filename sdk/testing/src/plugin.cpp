#include <dlfcn.h>

#include <pkernel/abi/note.h>
#include <pkernel/abi/transport.h>
#include <pkernel/testing/plugin.hpp>
#include <pkernel/text.hpp>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

#include "fake_stream.hpp"

namespace pk::testing {
namespace {

// The note in the file's bytes: present, of this ABI, with the file's own name.
void check_note(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream whole;
    whole << in.rdbuf();
    const std::string bytes = whole.str();
    const std::uint32_t words[] = {sizeof PKERNEL_NOTE_OWNER, sizeof(pk_note), PKERNEL_NOTE_TYPE};
    std::string head(reinterpret_cast<const char*>(words), sizeof words);
    head.append(PKERNEL_NOTE_OWNER, sizeof PKERNEL_NOTE_OWNER);
    const auto at = bytes.find(head);
    if (at == std::string::npos) throw std::runtime_error(file + " has no pkernel note");
    pk_note note{};
    std::memcpy(&note, bytes.data() + at + head.size(), sizeof note);
    if (note.magic != PKERNEL_NOTE_MAGIC || note.abi_major != PKERNEL_ABI_MAJOR) {
        throw std::runtime_error(file + " was built for another ABI");
    }
    if (std::filesystem::path(file).stem() != note.name) {
        throw std::runtime_error(file + " calls itself " + note.name);
    }
}

std::int64_t value_of(fake_host& host, std::string_view name) {
    for (const auto& m : host.metrics) {
        if (m.name == name) {
            return m.kind == PK_HISTOGRAM ? static_cast<std::int64_t>(m.observations) : m.value;
        }
    }
    throw std::runtime_error("no metric " + std::string(name));
}

// Each extension point's table begins with its size, a word, and the factory.
struct any_table {
    std::uint32_t size;
    std::uint32_t reserved;
    const pk_factory* factory;
};

// The point of a plugin that is a filter or a tunnel, else a handler.
std::string point_of(const std::string& file) {
    const library l(file);
    for (const char* id : {PK_HTTP_FILTER_ID, PK_TUNNEL_ID})
        if (l.table<void>(id) != nullptr) return id;
    return PK_HANDLER_ID;
}

}  // namespace

library::library(std::string file) : file_(std::move(file)) {
    check_note(file_);
    handle_ = dlopen(file_.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle_ == nullptr) throw std::runtime_error(dlerror());
    const auto entry = reinterpret_cast<pk_plugin_entry_fn>(dlsym(handle_, PKERNEL_ENTRY_SYMBOL));
    if (entry == nullptr) throw std::runtime_error(file_ + " has no " PKERNEL_ENTRY_SYMBOL);
    plugin_ = entry();
}

library::~library() {
    dlclose(handle_);
}

const void* library::find(std::string_view id) const {
    return plugin_->get(str(id));
}

bool library::unloads(const std::string& file) {
    { const library once(file); }
    void* still = dlopen(file.c_str(), RTLD_NOW | RTLD_NOLOAD);
    if (still != nullptr) dlclose(still);
    return still == nullptr;
}

instance_under_test::instance_under_test(const std::string& file, std::string_view point,
                                         std::string_view options, const setup& with)
    : library_(file), host_(with.workers) {
    host_.missing = with.missing_services;
    host_.variables = with.variables;
    table_ = library_.table<void>(point);
    if (table_ == nullptr) throw std::runtime_error(file + " is no " + std::string(point));
    factory_ = static_cast<const any_table*>(table_)->factory;
    options_ = std::make_unique<option_tree>(factory_->options, options, with.inner);
    host_.options = options_.get();
    const inside plugin(true);
    const auto said = [this] {
        const inside outside(false);
        return std::runtime_error(host_.errors.empty() ? "it failed and did not say why"
                                                       : host_.errors.front());
    };
    if (factory_->create(host_.raw(), options_->root(), &instance_) != PK_OK) throw said();
    if (!host_.errors.empty()) host_.complain("plugin", "create reported an error, but succeeded");
    const auto step = [&](pk_status (*f)(void*)) {
        if (f == nullptr || f(instance_) == PK_OK) return;
        factory_->destroy(instance_);
        throw said();
    };
    if (point == PK_TRANSPORT_ID) {
        const auto* t = static_cast<const pk_transport*>(table_);
        if (t->prepare != nullptr && t->prepare(instance_, with.side) != PK_OK) {
            factory_->destroy(instance_);
            throw said();
        }
    }
    step(factory_->validate);
    step(factory_->start);
    for (; workers_running_ < with.workers; ++workers_running_) {
        if (factory_->worker_init == nullptr) continue;
        if (factory_->worker_init(instance_, workers_running_) != PK_OK) {
            stop();
            throw said();
        }
    }
}

void instance_under_test::stop() {
    const inside plugin(true);
    while (workers_running_ > 0) {
        --workers_running_;
        if (factory_->worker_exit != nullptr) factory_->worker_exit(instance_, workers_running_);
    }
    if (factory_->stop != nullptr) factory_->stop(instance_);
    factory_->destroy(instance_);
}

instance_under_test::~instance_under_test() {
    host_.run_jobs();
    stop();
}

plugin_under_test::plugin_under_test(std::string_view options, const setup& with,
                                     const std::string& file)
    : instance_(file, point_of(file), options, with) {
    if (point_of(file) == PK_HTTP_FILTER_ID) {
        filter_ = static_cast<const pk_http_filter*>(instance_.table());
    } else if (point_of(file) == PK_TUNNEL_ID) {
        tunnel_ = static_cast<const pk_tunnel*>(instance_.table());
    } else {
        handler_ = static_cast<const pk_handler*>(instance_.table());
    }
}

std::string plugin_under_test::load_error(std::string_view options, const setup& with,
                                          const std::string& file) {
    try {
        const instance_under_test once(file, point_of(file), options, with);
        return {};
    } catch (const std::runtime_error& e) {
        return e.what();
    }
}

exchange plugin_under_test::send(const request_spec& spec) {
    return exchange(std::make_unique<fake_stream>(
        instance_.host(), tables{filter_, handler_, tunnel_}, instance_.raw(), spec));
}

exchange plugin_under_test::get(std::string target, std::string fields) {
    request_spec spec;
    spec.target = std::move(target);
    spec.fields = std::move(fields);
    return send(spec);
}

exchange plugin_under_test::post(std::string fields, std::string target) {
    request_spec spec;
    spec.method = "POST";
    spec.target = std::move(target);
    spec.fields = std::move(fields);
    return send(spec);
}

std::int64_t plugin_under_test::metric(std::string_view name) const {
    return value_of(instance_.host(), name);
}

std::int64_t metric_of(fake_host& host, std::string_view name) {
    return value_of(host, name);
}

}  // namespace pk::testing
