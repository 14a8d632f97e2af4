#include "channel.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace tls {

thread_local records* records::here_ = nullptr;
thread_local std::uint32_t records::users_ = 0;

void records::enter(std::uint32_t worker) {
    if (users_++ > 0) return;
    here_ = new records;
    here_->worker = worker;
}

void records::leave() noexcept {
    if (--users_ > 0) return;
    delete here_;
    here_ = nullptr;
}

// The worker's buffers for the length of a hook, with what the connection had kept of its input.
class channel::lease {
public:
    explicit lease(channel& c, std::size_t room) : c_(c) {
        c.lent_ = &records::mine();
        c.room_ = room;
        c.short_read_ = false;
        records& r = *c.lent_;
        r.in_at = r.in_end = r.out_size = 0;
        if (c.unread_.size == 0) return;
        std::memcpy(r.in, c.unread_.bytes.get(), c.unread_.size);
        r.in_end = c.unread_.size;
        c.unread_ = {};
    }
    ~lease() {
        records& r = *c_.lent_;
        if (r.in_at < r.in_end) c_.unread_.keep(r.in + r.in_at, r.in_end - r.in_at);
        c_.lent_ = nullptr;
    }
    lease(const lease&) = delete;

private:
    channel& c_;
};

// What OpenSSL calls.
struct channel_bio {
    static channel& of(BIO* b) { return *static_cast<channel*>(BIO_get_data(b)); }

    static int read(BIO* b, char* into, int size) {
        channel& c = of(b);
        records& r = *c.lent_;
        BIO_clear_retry_flags(b);
        if (r.in_at == r.in_end && !c.receive()) {
            if (!c.ended_ && !c.broken_) BIO_set_retry_read(b);
            return c.ended_ ? 0 : -1;
        }
        const auto n = std::min<std::size_t>(static_cast<std::size_t>(size), r.in_end - r.in_at);
        std::memcpy(into, r.in + r.in_at, n);
        r.in_at += n;
        return static_cast<int>(n);
    }

    static int write(BIO* b, const char* from, int size) {
        channel& c = of(b);
        records& r = *c.lent_;
        BIO_clear_retry_flags(b);
        // A peer that asks for answers and takes none is not read any further.
        if (c.unsent_.size + r.out_size > channel::answers_max) {
            BIO_set_retry_write(b);
            return -1;
        }
        const auto n = static_cast<std::size_t>(size);
        if (n > sizeof r.out - r.out_size) {
            const std::size_t sent = c.send_out();
            if (sent < r.out_size) std::memmove(r.out, r.out + sent, r.out_size - sent);
            r.out_size -= sent;
        }
        if (c.broken_) return -1;
        if (n > sizeof r.out - r.out_size) {
            BIO_set_retry_write(b);
            return -1;
        }
        std::memcpy(r.out + r.out_size, from, n);
        r.out_size += n;
        return size;
    }

    static long control(BIO* b, int what, long, void*) {
        if (what == BIO_CTRL_EOF) return of(b).ended_ ? 1 : 0;
        return what == BIO_CTRL_FLUSH ? 1 : 0;  // All leaves at the end of the hook.
    }

    static int create(BIO* b) {
        BIO_set_init(b, 1);
        return 1;
    }
};

bio_method_ptr make_bio_method() {
    bio_method_ptr m(BIO_meth_new(BIO_TYPE_SOURCE_SINK, "connection"));
    if (!m) return m;
    BIO_meth_set_read(m.get(), channel_bio::read);
    BIO_meth_set_write(m.get(), channel_bio::write);
    BIO_meth_set_ctrl(m.get(), channel_bio::control);
    BIO_meth_set_create(m.get(), channel_bio::create);
    return m;
}

namespace {

// Why a call failed. Waiting is told by the BIO, without a look at the thread's queue of errors:
// others may have left some there, and to empty it before each call costs more than it is worth.
int reason(const SSL* ssl, int result) {
    const BIO* b = SSL_get_rbio(ssl);
    if (SSL_want_read(ssl) && BIO_should_read(b)) return SSL_ERROR_WANT_READ;
    if (SSL_want_write(ssl) && BIO_should_write(b)) return SSL_ERROR_WANT_WRITE;
    // A fatal alert of the peer counts as a shutdown, too; but it leaves the state of an error,
    // which is one of a handshake that was not done.
    if (result == 0 && (SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN) != 0 && !SSL_in_init(ssl)) {
        return SSL_ERROR_ZERO_RETURN;
    }
    return SSL_get_error(ssl, result);
}

}  // namespace

bool channel::begin(ssl_ptr ssl, const BIO_METHOD* method, int fd) {
    BIO* b = ssl ? BIO_new(method) : nullptr;
    if (b == nullptr) return false;
    BIO_set_data(b, this);
    SSL_set_bio(ssl.get(), b, b);
    ssl_ = std::move(ssl);
    fd_ = fd;
    return true;
}

channel::~channel() {
    // A session is good although the connection ended without a goodbye.
    if (ssl_ && established_ && !failed_) {
        SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    }
}

void channel::kept::keep(const char* at, std::size_t n) {
    if (n == 0) return;
    auto whole = std::make_unique_for_overwrite<char[]>(size + n);
    if (size > 0) std::memcpy(whole.get(), bytes.get(), size);
    std::memcpy(whole.get() + size, at, n);
    bytes = std::move(whole);
    size += n;
}

void channel::kept::drop(std::size_t n) noexcept {
    size -= n;
    if (size == 0) return bytes.reset();
    std::memmove(bytes.get(), bytes.get() + n, size);
}

// Asks the socket once. No more than the reader has room for, or one record: what was received is
// then opened in this hook, and little has to be kept.
bool channel::receive() {
    if (short_read_ || ended_ || broken_) return false;
    records& r = *lent_;
    const std::size_t most = std::min(sizeof r.in, std::max(room_, sealed_max));
    const ssize_t n = ::recv(fd_, r.in, most, 0);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        broken_ = true;
        errno_ = errno;
    }
    ended_ = n == 0;
    short_read_ = n < static_cast<ssize_t>(most);
    r.in_at = 0;
    r.in_end = n > 0 ? static_cast<std::size_t>(n) : 0;
    return n > 0;
}

// True: nothing is left to be sent.
bool channel::send_kept() noexcept {
    while (unsent_.size > 0) {
        const ssize_t n = ::send(fd_, unsent_.bytes.get(), unsent_.size, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno != EAGAIN && errno != EINTR) broken_ = true, errno_ = errno;
            return false;
        }
        unsent_.drop(static_cast<std::size_t>(n));
    }
    return true;
}

// Sends from the batch what the socket takes; how many bytes.
std::size_t channel::send_out(int flags) noexcept {
    const records& r = *lent_;
    if (r.out_size == 0 || unsent_.size > 0 || broken_) return 0;
    const ssize_t n = ::send(fd_, r.out, r.out_size, MSG_NOSIGNAL | flags);
    if (n < 0 && errno != EAGAIN && errno != EINTR) broken_ = true, errno_ = errno;
    const std::size_t sent = n > 0 ? static_cast<std::size_t>(n) : 0;
    congested_ = sent < r.out_size;
    return sent;
}

pk::io channel::failed(const pk::conn& c, std::uint32_t cause, std::string_view what) {
    failed_ = true;
    return c.fail(cause, what);
}

pk::io channel::failed(const pk::conn& c, int error) {
    const auto gone = c.side() == pk::side::accept ? PK_END_CLIENT_ABORT : PK_END_ORIGIN_ABORT;
    const long verified = SSL_get_verify_result(ssl_.get());
    const auto code = ERR_peek_last_error();
    if (ended_ && (broken_ || error == SSL_ERROR_SYSCALL || error == SSL_ERROR_ZERO_RETURN ||
                   ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING)) {
        ERR_clear_error();
        return failed(c, gone,
                      established_ ? "the peer closed without saying so"
                                   : "the peer closed during the handshake");
    }
    if (broken_) return failed(c, gone, std::strerror(errno_));
    std::string what = "TLS: " + take_error();
    if (!established_ && verified != X509_V_OK) {
        what.append(": ").append(X509_verify_cert_error_string(verified));
    }
    return failed(c, PK_END_PROTOCOL, what);
}

namespace {

// For who begins with a request where a handshake is due: a browser, say, that was told http://.
constexpr std::string_view https_only =
    "HTTP/1.1 400 Bad Request\r\n"
    "Content-Type: text/plain\r\n"
    "Content-Length: 45\r\n"
    "Connection: close\r\n"
    "\r\n"
    "This port speaks HTTPS only: ask by https://\n";

bool spoke_http(int error) {
    return error == SSL_ERROR_SSL && ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_HTTP_REQUEST;
}

}  // namespace

pk::io channel::handshake(const pk::conn& c) {
    const lease l(*this, 0);
    if (!send_kept()) return broken_ ? failed(c, SSL_ERROR_SYSCALL) : pk::io::want_write;
    ERR_clear_error();
    const int done = established_ ? 1 : SSL_do_handshake(ssl_.get());
    const int error = done == 1 ? SSL_ERROR_NONE : reason(ssl_.get(), done);
    if (c.side() == pk::side::accept && spoke_http(error)) {
        lent_->out_size = https_only.copy(lent_->out, https_only.size());
    }
    // They are for later connections, and leave with what this one is asked for: a packet less. Who
    // asks nothing has them after 200 ms, from the system.
    const bool only_tickets =
        done == 1 && c.side() == pk::side::accept && SSL_version(ssl_.get()) == TLS1_3_VERSION;
    const std::size_t sent = send_out(only_tickets ? MSG_MORE : 0);
    unsent_.keep(lent_->out + sent, lent_->out_size - sent);
    if (done == 1) established_ = true;
    if (error != SSL_ERROR_NONE && error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
        return failed(c, error);
    }
    if (unsent_.size > 0 || error == SSL_ERROR_WANT_WRITE) return pk::io::want_write;
    return done == 1 ? pk::io::complete : pk::io::want_read;
}

pk::io channel::read(const pk::conn& c, std::span<char> into, std::uint64_t& n) {
    const lease l(*this, into.size());
    records& r = *lent_;
    if (failed_) return pk::io::failed;
    const bool owed = unsent_.size > 0;
    send_kept();
    int error = SSL_ERROR_NONE;
    while (n < into.size()) {
        std::size_t got = 0;
        if (SSL_read_ex(ssl_.get(), into.data() + n, into.size() - n, &got) != 1) {
            error = reason(ssl_.get(), 0);
            break;
        }
        n += got;
        // What is left of the room is not worth a call, or the socket has nothing.
        const bool all_opened = r.in_at == r.in_end && SSL_pending(ssl_.get()) == 0;
        if (all_opened && (short_read_ || into.size() - n < record_max)) break;
        room_ = into.size() - n;
    }
    const std::size_t sent = send_out();
    const bool owes = sent < r.out_size;
    unsent_.keep(r.out + sent, r.out_size - sent);
    const bool emptied = short_read_ && r.in_at == r.in_end && SSL_pending(ssl_.get()) == 0;
    // An end, or a failure, behind the bytes is told by the next read: so there must be one.
    const bool goes_on = error == SSL_ERROR_NONE || error == SSL_ERROR_WANT_READ;
    if (n > 0) {
        return emptied && goes_on && !ended_ && !broken_ ? pk::io::drained : pk::io::complete;
    }
    switch (error) {
        case SSL_ERROR_ZERO_RETURN:
            return pk::io::end;
        case SSL_ERROR_WANT_READ:
            // An answer to the peer (a key update) must not wait for the peer.
            return owes && !owed ? pk::io::want_write : pk::io::want_read;
        case SSL_ERROR_WANT_WRITE:
            return pk::io::want_write;
        default:
            return failed(c, error);
    }
}

pk::io channel::write(const pk::conn& c, pk::data bytes, std::uint64_t& n) {
    const lease l(*this, 0);
    if (failed_) return pk::io::failed;
    if (!send_kept()) return broken_ ? failed(c, SSL_ERROR_SYSCALL) : pk::io::want_write;
    n = std::exchange(sealed_ahead_, 0);
    return seal(c, bytes, n, n);
}

namespace {

// The plaintext of the next record: a view into a slice where that is large, small ones gathered.
class record_source {
public:
    record_source(pk::data bytes, std::uint64_t skip, char* gathered)
        : at_(bytes.begin()), gathered_(gathered) {
        for (; at_ != std::default_sentinel && skip >= (*at_).size(); ++at_) skip -= (*at_).size();
        offset_ = skip;
    }

    std::string_view next() noexcept {
        std::size_t have = 0;
        for (; at_ != std::default_sentinel; ++at_, offset_ = 0) {
            const std::string_view rest = (*at_).substr(offset_);
            if (rest.size() > small) {
                if (have > 0) break;
                const std::string_view record = rest.substr(0, record_max);
                offset_ += record.size();
                return record;
            }
            if (rest.size() > record_max - have) break;
            if (!rest.empty()) std::memcpy(gathered_ + have, rest.data(), rest.size());
            have += rest.size();
        }
        return {gathered_, have};
    }

private:
    static constexpr std::size_t small = 4096;

    pk::data::iterator at_;
    std::size_t offset_ = 0;
    char* gathered_;
};

}  // namespace

// Seals and sends what lies behind the first `skip` bytes. What is sealed but did not fit the
// socket is not counted as taken: it stays at the front of what the kernel offers next.
pk::io channel::seal(const pk::conn& c, pk::data bytes, std::uint64_t skip, std::uint64_t& n) {
    records& r = *lent_;
    record_source source(bytes, skip, r.gathered);
    struct {
        std::size_t end;
        std::size_t plain;
    } marks[records::batch];
    for (;;) {
        std::size_t count = 0;
        bool over = false;
        const std::size_t most = congested_ ? 1 : records::batch;
        r.out_size = 0;
        while (count < most && sizeof r.out - r.out_size >= sealed_max) {
            const std::string_view plain = source.next();
            if (plain.empty()) {
                over = true;
                break;
            }
            std::size_t taken = 0;
            if (SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &taken) != 1) {
                return failed(c, reason(ssl_.get(), 0));
            }
            marks[count++] = {r.out_size, taken};
        }
        const std::size_t sent = send_out(over && c.more() ? MSG_MORE : 0);
        if (broken_) return failed(c, SSL_ERROR_SYSCALL);
        for (std::size_t i = 0; i < count; ++i) {
            if (marks[i].end <= sent) {
                n += marks[i].plain;
            } else {
                sealed_ahead_ += marks[i].plain;
            }
        }
        if (sent < r.out_size) {
            unsent_.keep(r.out + sent, r.out_size - sent);
            return pk::io::want_write;
        }
        if (over) return pk::io::complete;
    }
}

pk::io channel::close_write() {
    if (failed_ || !established_) return pk::io::complete;
    const lease l(*this, 0);
    if (!send_kept()) return broken_ ? pk::io::complete : pk::io::want_write;
    ERR_clear_error();
    if ((SSL_get_shutdown(ssl_.get()) & SSL_SENT_SHUTDOWN) == 0) SSL_shutdown(ssl_.get());
    ERR_clear_error();
    const std::size_t sent = send_out(MSG_MORE);  // The kernel's FIN follows at once.
    unsent_.keep(lent_->out + sent, lent_->out_size - sent);
    return unsent_.size > 0 && !broken_ ? pk::io::want_write : pk::io::complete;
}

}  // namespace tls
