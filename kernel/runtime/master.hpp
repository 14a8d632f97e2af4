// The process that stays: it holds the listening sockets, keeps one engine alive, passes signals
// on.
//
// One thread. It loads no plugin, reads no config and nothing that came from a network: all that it
// is told is in the messages of channel.hpp. What reading a config as root takes is done by a child
// of a moment (file_opener.hpp).

#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>

#include "kernel/base/crash_board.hpp"
#include "kernel/runtime/channel.hpp"
#include "kernel/runtime/engine_link.hpp"
#include "kernel/runtime/file_opener.hpp"
#include "kernel/runtime/listener_store.hpp"
#include "kernel/runtime/restart_policy.hpp"

namespace pkernel::runtime {

class master {
public:
    // Time between the second signal to end and SIGKILL.
    static constexpr std::chrono::milliseconds kill_time_max{700};

    // Runs in the forked process and gives its exit code. `workers` is what the first engine that
    // was ready had, or 0: the number is fixed for the life of the master.
    using engine_entry = std::function<int(engine_link&, base::crash_board&, unsigned workers)>;

    // Made before any thread. `give_files` may be empty: then no file is opened for engines, nor
    // when this process is not root. Throws std::system_error.
    explicit master(engine_entry entry, file_opener::entry give_files = {});
    master(const master&) = delete;
    master& operator=(const master&) = delete;

    // Until the end; gives the exit code: 0 after a signal to end, that of the first engine if it
    // was never ready, 128 + its number if that died of a signal.
    int run();

private:
    using clock = std::chrono::steady_clock;

    struct engine {
        pid_t pid;
        channel link;
        std::optional<clock::time_point> ready_since;
        // Bits of message_kind: orders that it has not read yet, those of them to be given again.
        std::uint32_t unread = 0, again = 0;
    };

    void start_engine();
    [[noreturn]] void become_engine(channel own_end, pid_t parent);
    int wait_ms() const;
    void on_timer();
    void read_signals();
    void end_gently_or_not();
    void kill_engine();
    void tell(message_kind order);
    void was_read(std::uint32_t order);
    void read_channel();
    void handle(const message& from_engine);
    void answer_listen(const message& ask);
    void refuse_listen(net::listen_step step, int error);
    void answer_files();
    void end_files(int error);
    void reap();
    void on_death(int wait_status);
    void log_death(int wait_status, std::chrono::milliseconds pause) const;

    const engine_entry entry_;
    base::crash_board board_;
    listener_store listeners_;
    const bool gives_files_;
    file_opener files_;
    restart_policy policy_;
    base::unique_fd signals_;
    std::optional<engine> engine_;
    std::optional<clock::time_point> start_at_;
    std::optional<clock::time_point> kill_at_;
    unsigned workers_ = 0;
    unsigned ends_asked_ = 0;
    bool killed_ = false;
    bool ever_ready_ = false;
    std::optional<int> exit_code_;
};

}  // namespace pkernel::runtime
