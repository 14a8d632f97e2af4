// What an engine without a master stands on: its own listening sockets and the process's signals.

#pragma once

#include "kernel/runtime/control.hpp"
#include "kernel/runtime/listener_source.hpp"
#include "kernel/runtime/listener_store.hpp"

namespace pkernel::runtime {

// [control] One a process; made before any other thread, since it blocks the signals it reads.
class single_process final : public listener_source, public control_source {
public:
    single_process();

    answer listen(const config::address& at, std::string_view owner, unsigned count) override;
    void close(const config::address& at, std::string_view owner) override;

    int fd() const noexcept override { return signals_.get(); }
    // The first signal to end is `drain`, and lets go of the listening sockets; the next is `stop`.
    std::optional<control_event> take() override;
    void ready(unsigned) override {}

private:
    listener_store store_;
    base::unique_fd signals_;
    waiting_events waiting_;
    bool draining_ = false;
};

}  // namespace pkernel::runtime
