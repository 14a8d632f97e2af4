// Writing: the response's wire form, its pace, and its visible end.

#include "kernel/http/writer.hpp"
#include "kernel/net/socket.hpp"
#include "kernel/stream/http1_server.hpp"
#include "kernel/stream/lingering.hpp"
#include "kernel/stream/stream.hpp"

namespace pkernel::stream {

void http1_server::send_informational(std::uint32_t status, const http::fields& fields) {
    const auto size = http::head_size_bound(fields, 64);
    http::head_writer out(scratch_.room(size), size);
    out.text(http::status_line(status));
    out.fields_of(fields);
    out.finish();
    out_.push(scratch_.taken(out.size()));
    context_.loop.defer(*this);
}

void http1_server::send_continue() {
    if (continued_) return;
    continued_ = true;
    static constexpr std::string_view line = "HTTP/1.1 100 Continue\r\n\r\n";
    out_.push(base::slice(line.data(), line.size(), nullptr));
    context_.loop.defer(*this);
}

void http1_server::send_head(const response_out& head) {
    const bool old = (stream_->request.flags & PK_REQUEST_HTTP10) != 0;
    const bool switches = head.status == 101;
    const bool leaves = leaves_body(head.status);
    continued_ = responding_ = true;
    watch_for_gone();
    chunked_ = head.has_body && head.length < 0 && !old;
    until_close_ = head.has_body && head.length < 0 && old;
    response_left_ = head.has_body ? head.length : 0;
    if (chunked_ || until_close_) response_left_ = -1;
    if (until_close_ || context_.last_requests() || leaves || switches) keep_ = false;
    if (switches) begin_tunnel();

    const auto size = http::head_size_bound(*head.fields, 160 + stream_->upgrade().size());
    const auto block = base::block_ref::adopt(context_.blocks.take_sized(size, account_));
    http::head_writer out(block->data(), block->capacity);
    out.text(http::status_line(head.status));
    out.fields_of(*head.fields);
    if (!head.fields->has(PK_FIELD_DATE)) out.field("Date", context_.http_date());
    if (chunked_) out.text("Transfer-Encoding: chunked\r\n");
    if (switches) {
        out.text("Connection: Upgrade\r\n");
        out.field("Upgrade", stream_->upgrade());
    } else if (!keep_)
        out.text("Connection: close\r\n");
    else if (old)
        out.text("Connection: keep-alive\r\n");
    out.finish();
    out_.push(base::slice(block->data(), out.size(), block.get()));
    context_.loop.defer(*this);
}

// Whether the rest of the request's body is not worth reading, or may never come: behind an error,
// without the 100 that the client waits for (RFC 9110 10.1.1), or when it is long and nobody wants
// it.
bool http1_server::leaves_body(std::uint32_t status) const noexcept {
    if (phase_ != phase::body) return false;
    const bool waits = !continued_ && in_.empty();
    return status >= 400 || waits ||
           (stream_->request_closed() && body_.left() > lingering::bytes_max);
}

void http1_server::send_data(base::slice data) {
    if (data.empty()) return;
    if (response_left_ >= 0) response_left_ -= static_cast<std::int64_t>(data.size());
    stream_->response_bytes += data.size();
    if (chunked_) {
        char head[24];
        out_.push(scratch_.copy({head, http::write_chunk_head(data.size(), head)}));
        out_.push(std::move(data));
        out_.push(base::slice("\r\n", 2, nullptr));
    } else {
        out_.push(std::move(data));
    }
    context_.loop.defer(*this);
}

void http1_server::send_end(const http::fields& trailers) {
    if (chunked_ && trailers.empty()) {
        out_.push(base::slice("0\r\n\r\n", 5, nullptr));
    } else if (chunked_) {
        const auto size = http::head_size_bound(trailers, 16);
        const auto block = base::block_ref::adopt(context_.blocks.take_sized(size, account_));
        http::head_writer out(block->data(), block->capacity);
        out.text("0\r\n");
        out.fields_of(trailers);
        out.finish();
        out_.push(base::slice(block->data(), out.size(), block.get()));
    }
    response_done_ = true;
    context_.loop.defer(*this);
}

void http1_server::abort(base::end_reason why) {
    aborted_ = true;
    cut_hard_ = why.cause == PK_END_ORIGIN_ABORT;
    keep_ = false;
    context_.loop.defer(*this);
}

void http1_server::run_deferred() {
    if (phase_ == phase::closed) return;
    flush();
    if (phase_ == phase::closed || !stream_) return;
    if (phase_ == phase::tunnel && !aborted_) return tunnel_writes();
    if (out_.empty() && (response_done_ || aborted_)) return complete();
    if (phase_ == phase::body) proceed();
}

void http1_server::flush() {
    const bool was_full = out_.held() >= stream::high_water;
    // The FIN that follows at once travels in the last segment instead of one of its own.
    const bool ends = response_done_ && !keep_;
    while (!out_.empty() && writable_) {
        const auto r = wire_.send(out_, ends);
        if (r.status == net::io_status::done) {
            written_ += r.bytes;
            continue;
        }
        if (r.status == net::io_status::would_block) {
            writable_ = false;
            if (!watch()) return;
            break;
        }
        if (stream_) end_stream({PK_END_CLIENT_ABORT, "client_reset"});
        return close(false);
    }
    if (!out_.empty()) watch_writing();
    if (splice_waits_ && writable_) splice_waits_ = false;
    if (out_.held() < stream::high_water && stream_ && (was_full || out_.empty()))
        stream_->response_drained();
}

// What the client has acknowledged: a send buffer can hold megabytes, and looks like a stall while
// it empties.
std::uint64_t http1_server::taken_by_client() const noexcept {
    return lingering::taken(wire_, written_);
}

net::nanoseconds http1_server::write_stall() const noexcept {
    return stream_ ? stream_->write_stall() : listener().conf->timeouts.write_stall;
}

void http1_server::watch_writing() {
    if (write_timer_.armed()) return;
    taken_ = taken_by_client();
    write_timer_.arm(context_.loop.timers(), context_.loop.now() + write_stall());
}

// What is queued is written first, as far as that goes without a word about errors: they show
// again.
int http1_server::splice_target(bool company) noexcept {
    const bool known = response_left_ > 0 || phase_ == phase::tunnel;
    if (chunked_ || until_close_ || !known || aborted_ || wire_.plain_to_write() < 0) return -1;
    while (!out_.empty() && writable_) {
        const auto r = wire_.send(out_, company);
        if (r.status != net::io_status::done) return -1;
        written_ += r.bytes;
    }
    return out_.empty() && writable_ ? wire_.plain_to_write() : -1;
}

void http1_server::spliced(std::uint64_t n) {
    response_left_ -= static_cast<std::int64_t>(n);
    stream_->response_bytes += n;
    written_ += n;
}

void http1_server::splice_pauses() noexcept {
    net::push(wire_.fd());
}

void http1_server::splice_waits() {
    writable_ = false;
    splice_waits_ = true;
    watch_writing();
    watch();
}

void http1_server::on_write_timer(void* self) {
    static_cast<http1_server*>(self)->write_expired();
}

// A reader must take `rate_min` while we hold something for it.
void http1_server::write_expired() {
    if (phase_ == phase::lingering) return discard();
    if (out_.empty() && !splice_waits_) return;
    const auto window = write_stall();
    if (taken_by_client() - taken_ > least_in(window)) {
        taken_ = taken_by_client();
        return write_timer_.arm(context_.loop.timers(), context_.loop.now() + window);
    }
    if (stream_) end_stream({PK_END_TIMEOUT, "write_stall"});
    close(true);
}

}  // namespace pkernel::stream
