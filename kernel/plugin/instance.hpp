// One use of a plugin in the config, alive: what the plugin made, with all that it needs to live.
//
// An instance is shared by whoever may still call it: generations, streams, connections. When the
// last of them lets go it is stopped and destroyed on the control thread (services::set_retire),
// once each, and the plugin's file is unmapped if nothing else is of it. An instance owns those
// inside it (options of type plugin): they begin before it and end after it, and every call here is
// passed on to them.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernel/config/diagnostic.hpp"
#include "kernel/config/plugin_use.hpp"
#include "kernel/plugin/call_marker.hpp"
#include "kernel/plugin/catalog.hpp"
#include "kernel/plugin/host.hpp"
#include "kernel/plugin/plugin_file.hpp"
#include "kernel/plugin/services.hpp"

namespace pkernel::plugin {

using use_ptr = std::shared_ptr<const config::plugin_use>;

// [control] but where said otherwise. A call that fails has put its errors in `out`; what is left
// to do then is to let go of the instance.
class instance {
public:
    // Makes the inner instances of `use`, then itself. Null when that failed. Requires that the
    // config was read with `plugins`, which has the file. `all` outlives the instance.
    static std::shared_ptr<instance> create(use_ptr use, const catalog& plugins, services& all,
                                            config::diagnostics& out);
    ~instance();
    instance(const instance&) = delete;
    instance& operator=(const instance&) = delete;

    // In this order, each at most once: prepare and import_from (both optional), validate, start.
    // A step that the instance's point has of its own, with its argument.
    bool prepare(pk_status (*step)(void*, std::uint32_t), std::uint32_t argument,
                 config::diagnostics& out);
    // Takes over the state of the instance that stood in the same place, if both can.
    bool import_from(instance& predecessor, config::diagnostics& out);
    bool validate(config::diagnostics& out);
    bool start(config::diagnostics& out);

    // [worker] After start: before the worker's first stream, after its last. A worker that failed
    // to enter need not exit. Logs why.
    bool worker_init(std::uint32_t worker);
    void worker_exit(std::uint32_t worker);

    // No worker is inside any more. Also done by the destructor; done once.
    void stop();

    // Whether the next generation may keep this object for `next`: same place, same options, same
    // plugin file, and the files that it depends on have not changed.
    bool serves_as(const config::plugin_use& next, const catalog& next_plugins) const;

    // [any] What one of its table's functions answers; a crash in it is blamed on this instance.
    template <class Call>
    auto ask(Call&& call) const {
        const call_marker mark(services_.marker(), number_);
        return call(self_);
    }

    // [any] What the chain calls, with a call_marker around it.
    void* self() const noexcept { return self_; }
    template <class T>
    T table() const noexcept {
        return full_table<T>(offer_.table);
    }
    std::uint32_t number() const noexcept { return number_; }
    const pk_host* host_api() const noexcept { return &host_; }
    const std::string& label() const noexcept { return host_.label_text(); }
    const config::plugin_use& use() const noexcept { return *use_; }
    const plugin_file& file() const noexcept { return *file_; }
    // Those inside it (options of type plugin), in the order in which they stand.
    const std::vector<std::shared_ptr<instance>>& inner() const noexcept { return inner_; }

private:
    enum class state { made, created, validated, started, stopped };

    instance(use_ptr use, file_ptr file, const offer& o, services& all);
    bool create_inner(const catalog& plugins, config::diagnostics& out);
    bool add_inner(const config::plugin_use::inner_use& entry, const catalog& plugins,
                   config::diagnostics& out);
    bool create_self(config::diagnostics& out);
    bool import_self(instance& predecessor, config::diagnostics& out);
    template <class Call>
    bool attempt(const char* what, config::diagnostics& out, bool creating, Call&& call);
    template <class Call>
    pk_status guarded(Call&& call) noexcept;

    const use_ptr use_;
    const file_ptr file_;
    const offer offer_;
    services& services_;
    const std::uint32_t number_;
    host host_;
    std::vector<std::shared_ptr<instance>> inner_;
    std::vector<std::shared_ptr<const void>> handles_;  // Of the inner ones; go before them.
    void* self_ = nullptr;
    state state_ = state::made;
    std::vector<char> inside_;  // By worker, touched by it alone: between init and exit.
};

}  // namespace pkernel::plugin
