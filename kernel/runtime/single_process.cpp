#include "kernel/runtime/single_process.hpp"

#include <fcntl.h>
#include <signal.h>

#include <cerrno>
#include <utility>

#include "kernel/runtime/signals.hpp"

namespace pkernel::runtime {

using net::listen_spec;

single_process::single_process() : signals_(watch_signals()) {}

listener_source::answer single_process::listen(const config::address& at, std::string_view owner,
                                               unsigned count) {
    listen_spec spec;
    if (!net::to_listen_spec(at, spec)) return refused(at, net::listen_step::path, 0, spec);
    const auto held = store_.open(spec, owner, count);
    if (held.sockets == nullptr) return refused(at, held.step, held.error, spec);
    answer out;
    for (const auto& each : *held.sockets) {
        out.sockets.emplace_back(::fcntl(each.get(), F_DUPFD_CLOEXEC, 0));
        if (!out.sockets.back()) return refused(at, net::listen_step::socket, errno, spec);
    }
    return out;
}

void single_process::close(const config::address& at, std::string_view owner) {
    listen_spec spec;
    if (net::to_listen_spec(at, spec)) store_.close(spec, owner);
}

std::optional<control_event> single_process::take() {
    while (const int number = next_signal(signals_.get())) {
        if (number == SIGHUP) waiting_.note(control_event::reload);
        if (number == SIGUSR1) waiting_.note(control_event::reopen_logs);
        if (!is_end(number)) continue;
        waiting_.note(draining_ ? control_event::stop : control_event::drain);
        if (!std::exchange(draining_, true)) store_.close_all();
    }
    return waiting_.take();
}

}  // namespace pkernel::runtime
