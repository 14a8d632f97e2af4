#include "kernel/runtime/graveyard.hpp"

namespace pkernel::runtime {

void graveyard::bring(plugin::instance* i) {
    {
        const std::lock_guard hold(mutex_);
        instances_.emplace_back(i);
    }
    ring_();
}

void graveyard::bring(std::shared_ptr<const void> other) {
    {
        const std::lock_guard hold(mutex_);
        others_.push_back(std::move(other));
    }
    ring_();
}

bool graveyard::bury() {
    for (bool any = false;; any = true) {
        decltype(instances_) instances;
        decltype(others_) others;
        {
            const std::lock_guard hold(mutex_);
            instances.swap(instances_);
            others.swap(others_);
        }
        if (instances.empty() && others.empty()) return any;
    }
}

}  // namespace pkernel::runtime
