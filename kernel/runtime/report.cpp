#include "kernel/runtime/report.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include "kernel/base/log.hpp"
#include "kernel/config/render.hpp"
#include "kernel/net/listen.hpp"

namespace pkernel::runtime {
namespace {

// The address as written, with the port that was chosen for 0.
std::string where(const config::listener& l, int fd) {
    if (l.address.kind == config::address_kind::unix_socket) return l.address.text;
    const net::socket_address bound = net::bound_address(fd);
    if (l.address.kind == config::address_kind::any) return ':' + std::to_string(bound.port());
    return net::to_text(bound);
}

void add_bind_error(const config::listener& l, listener_source::answer& why,
                    config::diagnostics& out) {
    config::diagnostic d;
    d.number = config::code::cannot_bind;
    d.at = l.address.at;
    d.message = std::move(why.problem);
    d.hint = std::move(why.hint);
    d.exit = config::exit_class::bind;
    out.add(std::move(d));
}

}  // namespace

// A process with a log says it there, where nothing waits for who does not read.
void show(const config::diagnostics& all) {
    if (all.errors() + all.warnings() == 0) return;
    const std::string text = config::to_text(all, config::wants_colour(STDERR_FILENO));
    if (base::log_text(text)) return;
    if (base::log_enabled(base::log_level::error)) {
        for (const auto& [level, line] : config::to_lines(all))
            base::log(level == config::severity::error ? base::log_level::error
                                                       : base::log_level::warning,
                      line);
        return;
    }
    std::string_view left = text;
    while (!left.empty()) {
        const ssize_t n = ::write(STDERR_FILENO, left.data(), left.size());
        if (n <= 0) return;
        left.remove_prefix(static_cast<std::size_t>(n));
    }
}

std::optional<listener_sockets> open_listeners(
    const config::model& conf, listener_source& from, unsigned workers, config::diagnostics& out,
    const std::function<bool(const config::listener&)>& is_open) {
    listener_sockets all;
    bool good = true;
    for (const config::listener& each : conf.listeners) {
        if (is_open && is_open(each)) {
            all.emplace_back();
            continue;
        }
        auto got = from.listen(each.address, each.name, workers);
        if (got.sockets.empty()) {
            add_bind_error(each, got, out);
            good = false;
        }
        all.push_back(std::move(got.sockets));
    }
    if (!good) {
        for (std::size_t i = 0; i < all.size(); ++i)
            if (is_open && !all[i].empty())
                from.close(conf.listeners[i].address, conf.listeners[i].name);
        return std::nullopt;
    }
    for (std::size_t i = 0; i < all.size(); ++i)
        if (!all[i].empty())
            base::log(base::log_level::info, "listening on " +
                                                 where(conf.listeners[i], all[i].front().get()) +
                                                 " (listener '" + conf.listeners[i].name + "')");
    return all;
}

}  // namespace pkernel::runtime
