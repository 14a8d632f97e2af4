#include "connection.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>

#include "websocket.hpp"

namespace bench {
namespace {

void put_hex(char* to, std::uint32_t value) {
    for (int i = 7; i >= 0; --i, value >>= 4) to[i] = "0123456789abcdef"[value & 15];
}

void put_decimal(char* to, int digits, std::size_t value) {
    for (int i = digits - 1; i >= 0; --i, value /= 10) to[i] = static_cast<char>('0' + value % 10);
}

bool field(std::string_view line, std::string_view name, std::string_view& value) {
    if (line.size() <= name.size() || line[name.size()] != ':' ||
        strncasecmp(line.data(), name.data(), name.size()) != 0)
        return false;
    value = line.substr(name.size() + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    return true;
}

}  // namespace

connection::connection(shared_state& shared, std::uint32_t index) : shared_(shared), index_(index) {
    const options& opts = shared_.opts;
    request_ = opts.post > 0 ? "POST " : "GET ";
    route_at_ = request_.size() + 4;
    request_ += opts.routes > 0 ? "/svc00000/bench" : "/bench";
    char size[32];
    std::snprintf(size, sizeof size, "?s=%08zu&id=", opts.size);
    request_ += size;
    id_at_ = request_.size();
    request_ += "00000000";
    if (opts.forwarded) request_ += "&f=1";
    request_ += " HTTP/1.1\r\nHost: bench.local\r\nUser-Agent: bench\r\nAccept: */*\r\n";
    if (opts.post > 0) request_ += "Content-Length: " + std::to_string(opts.post) + "\r\n";
    if (opts.close) request_ += "Connection: close\r\n";
    if (!opts.cookies.empty())
        request_ += "Cookie: " + opts.cookies[index % opts.cookies.size()] + "\r\n";
    if (opts.websocket) {
        request_ += "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n";
        request_.append("Sec-WebSocket-Key: ").append(websocket::key).append("\r\n");
        message_.assign(shared.bodies.at(0), opts.size);
        handshake_ = request_ + "\r\n";
    }
    request_ += "\r\n";
}

progress connection::begin(std::uint64_t now) {
    begun_ = now;
    busy_ = true;
    sent_ = 0;
    head_.clear();
    head_done_ = last_ = ended_ = wrong_ = false;
    body_at_ = body_size_ = 0;
    if (shared_.opts.websocket)
        next_message();
    else
        put_hex(request_.data() + id_at_, shared_.next_id++);
    if (shared_.opts.routes > 0) {
        std::uint32_t& r = shared_.random;
        r ^= r << 13;
        r ^= r >> 17;
        r ^= r << 5;
        put_decimal(request_.data() + route_at_, 5, r % shared_.opts.routes);
    }
    if (wire_.fd() < 0) return open() ? progress::waiting : fail(false, "connect failed");
    return send_rest() ? progress::waiting : fail(false, "the connection was lost while sending");
}

bool connection::open() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    wire_.begin(shared_.tls, fd);
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    if (shared_.opts.sources) {
        ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + index_ % 250);
        if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return false;
    }
    address.sin_port = htons(shared_.opts.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 &&
        errno != EINPROGRESS)
        return false;
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.u32 = index_;
    return ::epoll_ctl(shared_.epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

void connection::close() {
    upgraded_ = false;
    wire_.close();
}

progress connection::advance(std::uint32_t events) {
    if (!busy_) {
        // The peer closes an idle connection, or speaks out of turn; begin() opens another.
        if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) close();
        return progress::waiting;
    }
    // A handshake may have to read in order to write.
    if ((events & (EPOLLOUT | EPOLLIN)) != 0 && !send_rest())
        return fail(false, "the connection was lost while sending");
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) == 0) return progress::waiting;
    return receive((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0);
}

bool connection::send_rest() {
    const std::size_t total = request_.size() + shared_.opts.post;
    while (sent_ < total) {
        const std::size_t head_sent = std::min(sent_, request_.size());
        const std::size_t body_sent = sent_ - head_sent;
        iovec parts[2] = {
            {request_.data() + head_sent, request_.size() - head_sent},
            {const_cast<char*>(shared_.bodies.at(body_sent)), shared_.opts.post - body_sent}};
        const ssize_t sent = wire_.send(parts, shared_.opts.post > 0 ? 2 : 1);
        if (sent < 0) return errno == EAGAIN || errno == ENOTCONN;
        sent_ += static_cast<std::size_t>(sent);
    }
    return true;
}

// `ended`: the peer has closed, no further edge will come, so read to the very end.
progress connection::receive(bool ended) {
    auto& scratch = shared_.scratch;
    for (;;) {
        const ssize_t got = wire_.receive(scratch.data(), scratch.size());
        if (got < 0) {
            if (errno == EAGAIN) return progress::waiting;
            return fail(false, "the connection was reset");
        }
        if (got == 0) {
            if (!ended_) return fail(false, "closed before the whole response");
            return finish();
        }
        const auto result = take(scratch.data(), static_cast<std::size_t>(got));
        if (result != progress::waiting) return result;
        if (static_cast<std::size_t>(got) < scratch.size() && wire_.short_reads_tell() && !ended &&
            !ended_)
            return progress::waiting;
    }
}

progress connection::take(const char* data, std::size_t size) {
    if (ended_) return fail(true, "bytes after the response");
    if (shared_.opts.websocket) return take_echo(data, size);
    if (!head_done_) {
        std::string_view all(data, size);
        const std::size_t before = head_.size();
        if (before > 0) all = head_.append(data, size);
        const auto end = all.find("\r\n\r\n");
        if (end == std::string_view::npos) {
            if (before == 0) head_.assign(data, size);
            return head_.size() < 65536 ? progress::waiting : fail(true, "an endless head");
        }
        if (!read_head(all.substr(0, end + 2))) return fail(true, std::move(failure_));
        head_done_ = true;
        data += end + 4 - before;
        size -= end + 4 - before;
    }
    if (size > body_size_ - body_at_) return fail(true, "bytes after the response");
    const bool every_byte = (answered_ & 63) == 0;
    if (!shared_.bodies.matches(data, size, body_at_, every_byte))
        return fail(true, "a wrong byte in the body near " + std::to_string(body_at_));
    body_at_ += size;
    shared_.bytes_received += size;
    if (body_at_ < body_size_) return progress::waiting;
    if (last_ || shared_.opts.close) {
        ended_ = true;
        return progress::waiting;
    }
    return finish();
}

// The message that comes next, or the handshake that must go before it.
void connection::next_message() {
    put_hex(message_.data(), shared_.next_id++);
    request_ = upgraded_ ? websocket::masked(message_, shared_.next_id * 2654435761u) : handshake_;
}

progress connection::take_echo(const char* data, std::size_t size) {
    head_.append(data, size);
    if (!upgraded_) {
        const auto end = head_.find("\r\n\r\n");
        if (end == std::string::npos)
            return head_.size() < 65536 ? progress::waiting : fail(true, "an endless head");
        const bool granted =
            head_.starts_with("HTTP/1.1 101") && head_.find(websocket::accept) < end;
        if (!granted) return fail(true, "answered: " + head_.substr(0, head_.find("\r\n")));
        if (head_.size() > end + 4) return fail(true, "a message that answers none");
        head_.clear();
        upgraded_ = true;
        next_message();
        sent_ = 0;
        return send_rest() ? progress::waiting
                           : fail(false, "the connection was lost while sending");
    }
    const auto right = websocket::plain(message_);
    if (!std::string_view(right).starts_with(head_)) return fail(true, "a wrong byte in the echo");
    if (head_.size() < right.size()) return progress::waiting;
    shared_.bytes_received += message_.size();
    return finish();
}

bool connection::read_head(std::string_view head) {
    const std::string start(head.substr(0, head.find("\r\n")));
    if (!start.starts_with("HTTP/1.1 200")) {
        failure_ = "answered: " + start;
        return false;
    }
    bool sized = false, identified = false;
    head.remove_prefix(start.size() + 2);
    while (!head.empty()) {
        const auto line = head.substr(0, head.find("\r\n"));
        head.remove_prefix(line.size() + 2);
        std::string_view value;
        if (field(line, "content-length", value)) {
            std::from_chars(value.data(), value.data() + value.size(), body_size_);
            sized = body_size_ == shared_.opts.size;
        } else if (field(line, "x-bench-id", value)) {
            identified = value == std::string_view(request_).substr(id_at_, 8);
        } else if (field(line, "connection", value)) {
            last_ = strncasecmp(value.data(), "close", 5) == 0;
        }
    }
    if (!identified) failure_ = "the response of another request";
    if (!sized) failure_ = "no Content-Length, or a wrong one";
    return sized && identified;
}

progress connection::finish() {
    if (ended_) close();
    if (sent_ < request_.size() + shared_.opts.post)
        return fail(true, "answered before the request was sent");
    ++answered_;
    busy_ = false;
    return progress::complete;
}

progress connection::fail(bool wrong, std::string why) {
    wrong_ = wrong;
    failure_ = std::move(why);
    busy_ = false;
    close();
    return progress::failed;
}

bool connection::quiet() const {
    char byte;
    return wire_.fd() >= 0 && ::recv(wire_.fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
           errno == EAGAIN;
}

}  // namespace bench
