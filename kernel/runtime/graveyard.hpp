// What other threads have let go of and the control thread must end: plugins' instances, whose last
// calls are [control], and generations, which take a while to free.

#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "kernel/plugin/instance.hpp"

namespace pkernel::runtime {

class graveyard {
public:
    // `ring` is called on whatever thread has brought something: bury() is to be called.
    explicit graveyard(std::function<void()> ring) : ring_(std::move(ring)) {}
    ~graveyard() { bury(); }
    graveyard(const graveyard&) = delete;
    graveyard& operator=(const graveyard&) = delete;

    // [any]
    void bring(plugin::instance* i);
    void bring(std::shared_ptr<const void> other);

    // [control] Ends all of it, and what is let go of thereby. False: there was nothing.
    bool bury();

private:
    const std::function<void()> ring_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<plugin::instance>> instances_;
    std::vector<std::shared_ptr<const void>> others_;
};

}  // namespace pkernel::runtime
