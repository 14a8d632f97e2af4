// The engine's end of the channel to its master.

#pragma once

#include "kernel/runtime/channel.hpp"
#include "kernel/runtime/control.hpp"
#include "kernel/runtime/listener_source.hpp"
#include "kernel/runtime/privileged_files.hpp"

namespace pkernel::runtime {

class engine_link final : public listener_source, public control_source {
public:
    static constexpr int answer_time_max_ms = 10'000;
    static constexpr int messages_max = 64;  // Read at a time.

    explicit engine_link(channel to_master) : channel_(std::move(to_master)) {}

    answer listen(const config::address& at, std::string_view owner, unsigned count) override;
    void close(const config::address& at, std::string_view owner) override;

    // What the config names and this process's user may not open, as it is now. None when the
    // master has no more rights than this process.
    passed_files files();

    int fd() const noexcept override { return channel_.fd(); }
    // A master that is gone reads as one `stop`.
    std::optional<control_event> take() override;
    void ready(unsigned workers) override;

private:
    bool wait_for(bool (*wanted)(message_kind), received& out);
    void read_orders();
    void note(message_kind kind);

    channel channel_;
    waiting_events waiting_;
    bool gone_ = false;
};

}  // namespace pkernel::runtime
