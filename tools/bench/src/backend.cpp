// bench_backend: the origin behind every contestant.
//
// One thread, epoll, keep-alive. Answers `?s=SIZE&id=ID` with SIZE bytes of the pattern and the id;
// reads request bodies and judges them; grants a WebSocket, and echoes its messages. A request that
// it did not expect gets 400 or 500, which the load generator counts as wrong. Usage: bench_backend
// PORT... (prints "ready" once it listens on all).

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "pattern.hpp"
#include "request_head.hpp"
#include "websocket.hpp"

namespace {

using bench::request_head;

constexpr std::size_t body_max = 64 << 20;
const bench::pattern bodies(body_max);
std::vector<char> scratch(256 * 1024);

[[noreturn]] void fail(const char* what) {
    std::perror(what);
    std::exit(1);
}

class client {
public:
    explicit client(int fd) : fd_(fd) {}
    ~client() { ::close(fd_); }
    client(const client&) = delete;
    client& operator=(const client&) = delete;

    // Reads, answers, writes as far as it goes. False: the connection is over.
    bool advance(std::uint32_t events) {
        if (sending() && !flush()) return false;
        if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP)) == 0 && !readable_) return true;
        readable_ = true;
        while (!sending()) {
            const ssize_t got = ::recv(fd_, scratch.data(), scratch.size(), 0);
            if (got == 0) return false;
            if (got < 0) {
                readable_ = false;
                return errno == EAGAIN || errno == EINTR;
            }
            if (!take(scratch.data(), static_cast<std::size_t>(got))) return false;
            // Everything was there in one read: the next edge tells when there is more.
            if (static_cast<std::size_t>(got) < scratch.size()) {
                readable_ = (events & EPOLLRDHUP) != 0;
                if (!readable_) return true;
            }
        }
        return true;
    }

private:
    bool sending() const { return head_sent_ < answer_head_.size() || body_left_ > 0; }

    bool take(const char* data, std::size_t size) {
        while (size > 0) {
            if (echoing_) return echo({data, size});
            if (sending()) return false;  // A second request before the first is answered.
            if (body_missing_ > 0) {
                const std::size_t part = std::min(size, body_missing_);
                body_good_ &= bodies.matches(data, part, body_at_, false);
                body_at_ += part;
                body_missing_ -= part;
                data += part;
                size -= part;
                if (body_missing_ == 0 && !answer()) return false;
                continue;
            }
            const std::size_t before = input_.size();
            input_.append(data, size);
            const auto end = input_.find("\r\n\r\n", before < 3 ? 0 : before - 3);
            if (end == std::string::npos) return input_.size() < 64 * 1024;
            const std::size_t used = end + 4 - before;
            data += used;
            size -= used;
            input_.resize(end + 4);
            request_ = bench::parse_request_head(input_);
            body_missing_ = request_.body_size;
            body_at_ = 0;
            body_good_ = true;
            if (body_missing_ == 0 && !answer()) return false;
        }
        return true;
    }

    // Each whole frame goes back as one of ours.
    bool echo(std::string_view bytes) {
        input_.append(bytes);
        std::size_t at = 0;
        while (const auto size =
                   bench::websocket::masked_frame(std::string_view(input_).substr(at))) {
            if (size == std::string::npos) return false;
            const auto frame = std::string_view(input_).substr(at, size);
            answer_head_ += bench::websocket::plain(bench::websocket::unmasked(frame));
            at += size;
        }
        input_.erase(0, at);
        return flush();
    }

    bool upgrade() {
        answer_head_ =
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Accept: ";
        answer_head_.append(bench::websocket::accept).append("\r\n\r\n");
        head_sent_ = body_sent_ = body_left_ = 0;
        echoing_ = true;
        input_.clear();
        return flush();
    }

    bool answer() {
        if (request_.valid && request_.websocket) return upgrade();
        const bool good = request_.valid && body_good_ && request_.response_size <= body_max &&
                          (!request_.forwarded_asked || request_.forwarded_seen);
        const std::size_t size = good ? request_.response_size : 0;
        char head[256];
        const int length = std::snprintf(
            head, sizeof head,
            "HTTP/1.1 %s\r\nServer: bench\r\nDate: Sat, 01 Nov 2025 12:00:00 GMT\r\n"
            "Content-Type: application/octet-stream\r\nContent-Length: %zu\r\n"
            "X-Bench-Id: %.*s\r\n%s\r\n",
            good ? "200 OK" : "400 Bad Request", size, static_cast<int>(request_.id.size()),
            request_.id.data(), request_.close ? "Connection: close\r\n" : "");
        answer_head_.assign(head, static_cast<std::size_t>(length));
        head_sent_ = 0;
        body_sent_ = 0;
        body_left_ = size;
        closing_ = request_.close;
        input_.clear();
        return flush();
    }

    bool flush() {
        while (sending()) {
            const iovec parts[2] = {
                {answer_head_.data() + head_sent_, answer_head_.size() - head_sent_},
                {const_cast<char*>(bodies.at(body_sent_)), body_left_}};
            msghdr message{};
            message.msg_iov = const_cast<iovec*>(parts);
            message.msg_iovlen = 2;
            const ssize_t sent = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
            if (sent < 0) return errno == EAGAIN || errno == EINTR;
            const auto from_head = std::min<std::size_t>(sent, parts[0].iov_len);
            head_sent_ += from_head;
            body_sent_ += sent - from_head;
            body_left_ -= sent - from_head;
        }
        if (echoing_) {
            answer_head_.clear();
            head_sent_ = 0;
        }
        return !closing_;
    }

    const int fd_;
    bool readable_ = false;
    std::string input_;
    request_head request_;
    std::size_t body_missing_ = 0, body_at_ = 0;
    bool body_good_ = true;
    std::string answer_head_;
    std::size_t head_sent_ = 0, body_sent_ = 0, body_left_ = 0;
    bool closing_ = false;
    bool echoing_ = false;
};

int listen_on(std::uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("bind");
    if (::listen(fd, 4096) != 0) fail("listen");
    return fd;
}

class server {
public:
    server() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

    void listen(std::uint16_t port) {
        listeners_.push_back(listen_on(port));
        watch(listeners_.back(), EPOLLIN);
    }

    [[noreturn]] void run() {
        epoll_event events[512];
        for (;;) {
            const int count = ::epoll_wait(epoll_, events, 512, -1);
            for (int i = 0; i < count; ++i) {
                const int fd = events[i].data.fd;
                if (fd <= listeners_.back())  // They were opened one after the other.
                    accept_all(fd);
                else if (!clients_[fd]->advance(events[i].events))
                    clients_[fd].reset();
            }
        }
    }

private:
    void watch(int fd, std::uint32_t events) {
        epoll_event event{};
        event.events = events;
        event.data.fd = fd;
        if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
    }

    void accept_all(int listener) {
        for (;;) {
            const int fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd < 0) return;
            const int on = 1;
            ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            if (static_cast<std::size_t>(fd) >= clients_.size()) clients_.resize(fd + 1);
            clients_[fd] = std::make_unique<client>(fd);
            watch(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
        }
    }

    int epoll_;
    std::vector<int> listeners_;
    std::vector<std::unique_ptr<client>> clients_;  // By fd.
};

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fputs("usage: bench_backend PORT...\n", stderr);
        return 2;
    }
    ::signal(SIGPIPE, SIG_IGN);
    server origin;
    for (int i = 1; i < argc; ++i) origin.listen(static_cast<std::uint16_t>(std::atoi(argv[i])));
    std::puts("ready");
    std::fflush(stdout);
    origin.run();
}
