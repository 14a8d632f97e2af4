#include "kernel/runtime/master.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>

#include "kernel/base/log.hpp"
#include "kernel/runtime/privileges.hpp"
#include "kernel/runtime/signals.hpp"

namespace pkernel::runtime {
namespace {

using base::log_level;
using std::chrono::milliseconds;

constexpr int failed_code = 70;             // An exception that nobody expected.
constexpr int messages_per_turn_max = 256;  // Then signals are looked at again.

std::string how_it_ended(int wait_status) {
    if (WIFSIGNALED(wait_status)) {
        const bool core = WCOREDUMP(wait_status);
        return "died of " + signal_name(WTERMSIG(wait_status)) + (core ? " (core dumped)" : "");
    }
    return "ended by itself with exit code " + std::to_string(WEXITSTATUS(wait_status));
}

int exit_code_of(int wait_status) noexcept {
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

}  // namespace

master::master(engine_entry entry, file_opener::entry give_files)
    : entry_(std::move(entry)),
      gives_files_(give_files && is_root()),
      files_(std::move(give_files)),
      signals_(watch_signals()) {}

int master::run() {
    start_engine();
    while (!exit_code_) {
        pollfd watched[2] = {{signals_.get(), POLLIN, 0},
                             {engine_ ? engine_->link.fd() : -1, POLLIN, 0}};
        ::poll(watched, 2, wait_ms());
        // What an engine said before it died counts, so its channel comes before its death.
        if (watched[1].revents != 0) read_channel();
        if (watched[0].revents != 0) read_signals();
        on_timer();
    }
    return *exit_code_;
}

int master::wait_ms() const {
    std::optional<clock::time_point> next = start_at_;
    for (const auto& other : {kill_at_, files_.deadline()})
        if (other && (!next || *other < *next)) next = other;
    if (!next) return -1;
    const auto left = std::chrono::ceil<milliseconds>(*next - clock::now()).count();
    return static_cast<int>(std::clamp<long>(left, 0, 60'000));
}

void master::on_timer() {
    const auto now = clock::now();
    files_.on_time(now);
    if (kill_at_ && now >= *kill_at_) {
        kill_at_.reset();
        kill_engine();
    }
    if (start_at_ && now >= *start_at_) {
        start_at_.reset();
        start_engine();
    }
}

void master::start_engine() {
    board_.clear();
    listeners_.begin_round();
    try {
        auto [own, other] = channel::make_pair();
        const pid_t parent = ::getpid();
        const pid_t pid = ::fork();
        if (pid == 0) become_engine(std::move(other), parent);
        if (pid > 0) {
            engine_.emplace(engine{pid, std::move(own), std::nullopt});
            return;
        }
    } catch (const std::exception&) {  // Falls through: errno is of the call that failed.
    }
    const std::string why = std::strerror(errno);
    base::log(log_level::error, "cannot start an engine: " + why);
    if (!ever_ready_) {
        exit_code_ = failed_code;
        return;
    }
    start_at_ = clock::now() + std::max(policy_.after_death({}), restart_policy::pause_least);
}

void master::become_engine(channel own_end, pid_t parent) {
    // Not even the master's SIGKILL leaves an engine behind that nobody restarts or stops.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) std::_Exit(0);
    signals_ = {};
    engine_.reset();
    listeners_.forget();
    leave_signals_to_master();
    engine_link link(std::move(own_end));
    int code = failed_code;
    try {
        code = entry_(link, board_, workers_);
    } catch (const std::exception& e) {  // This is no place for the master's own handler.
        std::fprintf(stderr, "pkernel: the engine failed: %s\n", e.what());
    }
    std::exit(code);
}

void master::read_signals() {
    while (const int number = next_signal(signals_.get())) {
        if (is_end(number)) end_gently_or_not();
        if (number == SIGHUP) tell(message_kind::reload);
        if (number == SIGUSR1) tell(message_kind::reopen_logs);
        if (number == SIGCHLD) reap();
    }
}

void master::tell(message_kind order) {
    if (!engine_) return;
    const auto bit = std::uint32_t{1} << static_cast<unsigned>(order);
    if (engine_->unread & bit) {
        engine_->again |= bit;
        return;
    }
    message text;
    text.kind = order;
    if (!engine_->link.send(text)) return;  // It is gone.
    engine_->unread |= bit;
}

// What was asked for meanwhile may be asked for after what it has read.
void master::was_read(std::uint32_t order) {
    const auto bit = order < 32 ? std::uint32_t{1} << order : 0;
    engine_->unread &= ~bit;
    if (!(engine_->again & bit)) return;
    engine_->again &= ~bit;
    tell(static_cast<message_kind>(order));
}

void master::end_gently_or_not() {
    ++ends_asked_;
    start_at_.reset();
    listeners_.close_all();  // The engine's own copies take what waits, then close for good.
    if (!engine_) {
        exit_code_ = 0;
    } else if (!engine_->ready_since) {  // Nothing is in flight in it.
        kill_engine();
    } else if (ends_asked_ == 1) {
        tell(message_kind::drain);
    } else if (ends_asked_ == 2) {
        tell(message_kind::stop);
        kill_at_ = clock::now() + kill_time_max;
    }
}

void master::kill_engine() {
    killed_ = engine_ && ::kill(engine_->pid, SIGKILL) == 0;
}

void master::read_channel() {
    for (int i = 0; engine_ && i < messages_per_turn_max; ++i) {
        received got;
        switch (engine_->link.receive(got)) {
            case channel::status::message:
                handle(got.text);
                break;
            case channel::status::empty:
                return;
            case channel::status::closed:
                // It is about to end, or has lost its way; SIGCHLD tells when it did.
                engine_->link = channel();
                ::kill(engine_->pid, SIGKILL);
                return;
            case channel::status::damaged:
                base::log(log_level::error, "the engine sent a message that makes no sense");
                ::kill(engine_->pid, SIGKILL);
                return;
        }
    }
}

void master::handle(const message& from_engine) {
    switch (from_engine.kind) {
        case message_kind::listen:
            return answer_listen(from_engine);
        case message_kind::close:
            return listeners_.close(from_engine.spec(), from_engine.words());
        case message_kind::ready:
            engine_->ready_since = clock::now();
            ever_ready_ = true;
            if (workers_ == 0) workers_ = from_engine.count;
            return listeners_.end_round();
        case message_kind::files:
            return answer_files();
        case message_kind::read:
            return was_read(from_engine.count);
        default:
            return;
    }
}

void master::refuse_listen(net::listen_step step, int error) {
    message answer;
    answer.kind = message_kind::sockets;
    answer.step = step;
    answer.error = error;
    engine_->link.send(answer);
}

void master::answer_listen(const message& ask) {
    if (ends_asked_ > 0) return refuse_listen(net::listen_step::socket, ESHUTDOWN);
    const auto held = listeners_.open(ask.spec(), ask.words(), std::max(ask.count, 1u));
    if (held.sockets == nullptr) return refuse_listen(held.step, held.error);

    std::size_t done = 0;
    while (done < held.sockets->size()) {
        std::vector<int> batch;
        message answer;
        answer.kind = message_kind::sockets;
        answer.count = static_cast<std::uint32_t>(held.sockets->size() - done);
        for (; done < held.sockets->size() && batch.size() < message::fds_max; ++done)
            batch.push_back((*held.sockets)[done].get());
        if (!engine_->link.send(answer, batch)) {
            base::log(log_level::error,
                      "cannot hand sockets to the engine: " + std::string(std::strerror(errno)));
            return refuse_listen(net::listen_step::socket, errno);
        }
    }
}

// A second question before the first is answered gets no answer of its own.
void master::answer_files() {
    if (files_.running()) return;
    if (!gives_files_ || ends_asked_ > 0) return end_files(0);
    const int error = files_.start(engine_->pid, engine_->link, [this] {
        signals_ = {};
        listeners_.forget();
    });
    if (error != 0) end_files(error);
}

void master::end_files(int error) {
    message answer;
    answer.kind = message_kind::files_end;
    answer.error = error;
    if (engine_) engine_->link.send(answer);
}

void master::reap() {
    int wait_status = 0;
    pid_t pid;
    // As the first process of a container it is the parent of orphans too.
    while ((pid = ::waitpid(-1, &wait_status, WNOHANG)) > 0) {
        if (int error = 0; files_.reaped(pid, wait_status, &error)) end_files(error);
        if (!engine_ || pid != engine_->pid) continue;
        for (received got; engine_->link.receive(got) == channel::status::message;)
            if (got.text.kind == message_kind::ready) handle(got.text);
        on_death(wait_status);
    }
}

void master::on_death(int wait_status) {
    const bool by_signal = WIFSIGNALED(wait_status);
    const bool asked = ends_asked_ > 0;
    const bool well = asked && ((by_signal && killed_) || exit_code_of(wait_status) == 0);
    const auto ready_since = engine_->ready_since;
    const auto now = clock::now();
    milliseconds pause{0};
    if (!asked && ever_ready_) {
        using std::chrono::duration_cast;
        pause = policy_.after_death(ready_since ? duration_cast<milliseconds>(now - *ready_since)
                                                : milliseconds(0));
        start_at_ = now + pause;
    } else {
        exit_code_ = well ? 0 : exit_code_of(wait_status);
    }
    // An engine that could not start has said why itself.
    if (!well && (by_signal || ever_ready_)) log_death(wait_status, pause);
    engine_.reset();
    files_.stop();  // What it would say is of no use to the next engine.
}

void master::log_death(int wait_status, milliseconds pause) const {
    std::string line = "engine " + std::to_string(engine_->pid) + ' ' + how_it_ended(wait_status);
    const int caught = board_.crash_signal();
    if (caught != 0 && !(WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == caught))
        line += " after " + signal_name(caught);
    const std::string blamed = board_.blame();
    line += blamed.empty() ? "; no plugin was running" : "; running: " + blamed;
    if (pause.count() > 0)
        line += "; the next start is in " + std::to_string(pause.count()) + " ms";
    base::log(log_level::error, line);
}

}  // namespace pkernel::runtime
