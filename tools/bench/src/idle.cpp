#include "idle.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "connection.hpp"

namespace bench {

int hold_idle(const options& opts) {
    constexpr std::size_t at_once = 64;
    shared_state shared{opts, pattern(std::max(opts.size, opts.post)),
                        ::epoll_create1(EPOLL_CLOEXEC), std::vector<char>(256 * 1024)};
    std::vector<std::unique_ptr<connection>> connections;
    std::size_t done = 0;
    while (done < opts.connections) {
        while (connections.size() < std::min(opts.connections, done + at_once)) {
            const auto index = static_cast<std::uint32_t>(connections.size());
            connections.push_back(std::make_unique<connection>(shared, index));
            if (connections.back()->begin(0) == progress::failed) {
                std::printf("connection %u: connect failed\n", index);
                return 1;
            }
        }
        epoll_event events[at_once];
        const int count = ::epoll_wait(shared.epoll, events, at_once, 10'000);
        if (count == 0) {
            std::puts("no answer within 10 s");
            return 1;
        }
        for (int i = 0; i < count; ++i) {
            connection& conn = *connections[events[i].data.u32];
            const auto outcome = conn.advance(events[i].events);
            if (outcome == progress::failed) {
                std::printf("%s\n", conn.failure().c_str());
                return 1;
            }
            if (outcome == progress::complete) ++done;
        }
    }
    std::printf("idle %zu\n", done);
    std::fflush(stdout);
    char byte;
    while (::read(STDIN_FILENO, &byte, 1) > 0) {
    }
    const auto lost = std::count_if(connections.begin(), connections.end(),
                                    [](const auto& conn) { return !conn->quiet(); });
    std::printf("lost %td\n", lost);
    return lost == 0 ? 0 : 1;
}

}  // namespace bench
