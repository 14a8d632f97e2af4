// Which instances a worker is inside, and who on it may still call them: the sites that its streams
// hold, the listeners that its connections hold. An instance that nobody needs any more is left.
//
// One a worker, on its thread. Holders are counted by their shared_ptr, whose counts are of this
// worker alone.

#pragma once

#include <memory>
#include <vector>

#include "kernel/plugin/instance.hpp"
#include "kernel/stream/context.hpp"
#include "kernel/stream/stream_services.hpp"

namespace pkernel::runtime {

class tenants {
public:
    using instance_ptr = std::shared_ptr<plugin::instance>;

    explicit tenants(stream::context& c) : context_(c) {}

    // worker_init of those that this worker is not inside yet. False: one could not; then look()
    // leaves those that were entered.
    bool enter(const std::vector<instance_ptr>& all);
    // From now on what the site and its listeners use is in use as long as they live.
    void add(const std::shared_ptr<stream::site>& s);

    // Leaves what is of no use to any that still lives. True: there are some that live on beside
    // the newest site, so it should be called again.
    bool look(stream::services_of_thread& here);
    // All that are left, the last entered first. Nothing that could call them runs any more.
    void leave_all();

private:
    struct tenant {
        std::weak_ptr<const void> who;
        std::vector<const plugin::instance*> uses;
    };
    bool is_busy(const plugin::instance& i) const;
    void end_work_of(const plugin::instance& i, stream::services_of_thread& here);
    void leave(plugin::instance& i);

    stream::context& context_;
    std::vector<instance_ptr> entered_;
    std::vector<tenant> all_;
    std::weak_ptr<const void> newest_;
};

}  // namespace pkernel::runtime
