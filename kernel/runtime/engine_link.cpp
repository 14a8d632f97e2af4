#include "kernel/runtime/engine_link.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <utility>

#include "kernel/base/log.hpp"
#include "kernel/net/listen.hpp"

namespace pkernel::runtime {
namespace {

using net::listen_spec;

bool is_sockets(message_kind kind) {
    return kind == message_kind::sockets;
}

std::optional<control_event> event_of(message_kind order) {
    switch (order) {
        case message_kind::drain:
            return control_event::drain;
        case message_kind::stop:
            return control_event::stop;
        case message_kind::reload:
            return control_event::reload;
        case message_kind::reopen_logs:
            return control_event::reopen_logs;
        default:
            return std::nullopt;
    }
}

bool is_of_files(message_kind kind) {
    return kind == message_kind::file || kind == message_kind::files_end;
}

}  // namespace

listener_source::answer engine_link::listen(const config::address& at, std::string_view owner,
                                            unsigned count) {
    listen_spec spec;
    if (!net::to_listen_spec(at, spec))
        return listener_source::refused(at, net::listen_step::path, 0, spec);
    message ask;
    ask.kind = message_kind::listen;
    ask.count = std::min(count, message::sockets_max);
    ask.set_spec(spec);
    ask.set_owner(owner);
    if (!channel_.send(ask))
        return {{}, "cannot listen on " + at.text + ": the master is gone", {}};

    answer out;
    for (std::uint32_t left = 1; left > 0;) {
        received got;
        if (!wait_for(is_sockets, got))
            return {{}, "cannot listen on " + at.text + ": the master does not answer", {}};
        if (got.fds.empty())
            return listener_source::refused(at, got.text.step, got.text.error, spec);
        for (auto& each : got.fds) out.sockets.push_back(std::move(each));
        left = got.text.count - got.text.fds;
    }
    return out;
}

void engine_link::close(const config::address& at, std::string_view owner) {
    listen_spec spec;
    if (!net::to_listen_spec(at, spec)) return;
    message text;
    text.kind = message_kind::close;
    text.set_spec(spec);
    text.set_owner(owner);
    channel_.send(text);
}

passed_files engine_link::files() {
    passed_files all;
    message ask;
    ask.kind = message_kind::files;
    received got;
    bool whole = channel_.send(ask);
    while (whole && (whole = wait_for(is_of_files, got)) && got.text.kind == message_kind::file) {
        if (all.size() < passed_files_max)
            all.insert_or_assign(std::string(got.text.words()), std::move(got.fds.front()));
    }
    if (!whole || got.text.error != 0)
        base::log(base::log_level::warning,
                  "the master has not opened all files of the config that only root may open" +
                      (whole ? ": " + std::string(std::strerror(got.text.error)) : ""));
    return all;
}

// Reads up to the next that is wanted, keeping what is met before it.
bool engine_link::wait_for(bool (*wanted)(message_kind), received& out) {
    using clock = std::chrono::steady_clock;
    const auto end = clock::now() + std::chrono::milliseconds(answer_time_max_ms);
    for (;;) {
        switch (channel_.receive(out)) {
            case channel::status::message:
                if (wanted(out.text.kind)) return true;
                note(out.text.kind);
                break;
            case channel::status::empty: {
                const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - clock::now());
                if (left.count() <= 0) return false;
                pollfd ready{channel_.fd(), POLLIN, 0};
                ::poll(&ready, 1, static_cast<int>(left.count()));
                break;
            }
            default:
                return false;
        }
    }
}

// The master may give the same order again from now on.
void engine_link::note(message_kind kind) {
    const auto event = event_of(kind);
    if (!event) return;  // An answer to a question that was given up.
    waiting_.note(*event);
    message text;
    text.kind = message_kind::read;
    text.count = static_cast<std::uint32_t>(kind);
    channel_.send(text);
}

void engine_link::read_orders() {
    for (int i = 0; i < messages_max; ++i) {
        received got;
        switch (channel_.receive(got)) {
            case channel::status::message:
                note(got.text.kind);
                break;
            case channel::status::empty:
                return;
            default:
                if (!std::exchange(gone_, true)) waiting_.note(control_event::stop);
                return;
        }
    }
}

std::optional<control_event> engine_link::take() {
    read_orders();
    return waiting_.take();
}

void engine_link::ready(unsigned workers) {
    message text;
    text.kind = message_kind::ready;
    text.count = std::min(workers, message::sockets_max);
    channel_.send(text);
}

}  // namespace pkernel::runtime
