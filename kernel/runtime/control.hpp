// What an engine is told while it runs, and what it tells.

#pragma once

#include <optional>

namespace pkernel::runtime {

enum class control_event {
    drain,       // Accept what waits, stop listening, finish what is in flight, return 0.
    stop,        // Return 0 at once.
    reload,      // SIGHUP.
    reopen_logs  // SIGUSR1.
};

// [control]
class control_source {
public:
    virtual ~control_source() = default;

    // Readable when take() may have something. Level-triggered; lives as long as this.
    virtual int fd() const noexcept = 0;
    // The next event, or nothing. To be called until it has nothing: when `fd` was readable, and
    // once after each listener_source::listen, which may have met events on its way.
    virtual std::optional<control_event> take() = 0;

    // The engine serves. Until then its exit code ends the master; from then on it is restarted.
    virtual void ready(unsigned workers) = 0;
};

}  // namespace pkernel::runtime
