#include <pkernel/fields.hpp>
#include <pkernel/testing/codec.hpp>

#include <algorithm>

namespace pk::testing {
namespace {

char block;  // What the slices say that they lie in.

field_pairs pairs_of(const pk_field_view& fields) {
    field_pairs all;
    for (pk::field f : field_list(fields)) all.emplace_back(f.name, f.value);
    return all;
}

// Fields with the names that are known numbered, as the kernel hands them over.
std::vector<pk_field> raw_fields(const field_pairs& pairs) {
    std::vector<pk_field> all;
    for (const auto& [name, value] : pairs)
        all.push_back({str(name), str(value), field_id(std::string_view(name)).number(), 0});
    return all;
}

pk_field_view view_of(const std::vector<pk_field>& all) {
    return {all.data(), static_cast<std::uint32_t>(all.size()), sizeof(pk_field)};
}

std::unique_ptr<std::max_align_t[]> zeroed(std::size_t size) {
    return std::make_unique<std::max_align_t[]>(size / sizeof(std::max_align_t) + 1);
}

}  // namespace

// The functions that the codec calls.
struct codec_under_test::api {
    static codec_under_test& of(pk_codec_conn* c) {
        return *reinterpret_cast<codec_under_test::shell*>(c)->self;
    }
    static codec_exchange& of(pk_codec_stream* s) {
        return *reinterpret_cast<codec_exchange::shell*>(s)->self;
    }

    static pk_status stream(pk_codec_conn* c, const pk_codec_head* head, pk_codec_stream** s) {
        const inside host(false);
        if ((head->flags & PK_CODEC_HEAD_MALFORMED) != 0) return ++of(c).malformed, PK_INVALID;
        return of(c).answer != PK_OK ? of(c).answer : of(c).add(*head, s, 0);
    }
    static pk_status reject(pk_codec_conn* c, const pk_codec_head* head, std::uint32_t code,
                            pk_codec_stream** s) {
        const inside host(false);
        return of(c).add(*head, s, code);
    }
    static pk_status body(pk_codec_stream* s, const pk_slice* bytes, std::uint32_t) {
        const inside host(false);
        auto& e = of(s);
        const std::string_view all = e.host_->offered_;
        if (bytes->block != &block || bytes->data < all.data() ||
            bytes->data + bytes->size > all.data() + all.size())
            e.host_->complain("body that is no part of what was received");
        if (e.over_ || e.ended) return PK_WRONG_STATE;
        if (bytes->size > e.credit_) return PK_INVALID;
        e.credit_ -= bytes->size;
        e.body.append(bytes->data, bytes->size);
        return PK_OK;
    }
    static pk_status end(pk_codec_stream* s, pk_field_view trailers) {
        const inside host(false);
        auto& e = of(s);
        if (e.over_) return PK_WRONG_STATE;
        if (e.ended) e.host_->complain("a request that ends twice");
        e.ended = true;
        e.trailers = pairs_of(trailers);
        return PK_OK;
    }
    static void abort(pk_codec_stream* s, std::uint32_t cause) {
        const inside host(false);
        auto& e = of(s);
        if (e.over_) return;
        e.over_ = true;
        e.aborted = cause;
        e.out_.clear();
    }
    static pk_status send(pk_codec_conn* c, pk_str bytes) {
        const inside host(false);
        auto& k = of(c);
        if (k.output_.size() >= k.room) return PK_NO_MEMORY;
        k.output_.append(view(bytes));
        return PK_OK;
    }
    static pk_status send_body(pk_codec_stream* s, std::uint64_t n) {
        const inside host(false);
        auto& e = of(s);
        if (e.closed) e.host_->complain("a body of a stream that was closed");
        if (n > e.out_.size()) return PK_INVALID;
        e.host_->output_.append(e.out_, 0, n);
        e.out_.erase(0, n);
        return PK_OK;
    }
    static void timer(pk_codec_conn* c, std::uint64_t ns) {
        of(c).timer_due_ = ns == 0 ? 0 : of(c).host().now + ns;
    }
    static void close(pk_codec_conn* c, std::uint32_t cause, pk_str text) {
        const inside host(false);
        if (of(c).closing >= 0) of(c).complain("closes twice");
        of(c).closing = cause;
        of(c).closing_text = view(text);
    }

    static constexpr pk_codec_api table{
        sizeof(pk_codec_api),
        0,
        [](pk_codec_conn* c) -> const pk_codec_limits* { return &of(c).limits; },
        stream,
        reject,
        body,
        end,
        abort,
        send,
        send_body,
        [](pk_codec_conn*) {},
        timer,
        [](pk_codec_conn* c, std::uint32_t points) { of(c).glitches += points; },
        close};
};

pk_status codec_under_test::add(const pk_codec_head& head, pk_codec_stream** s,
                                std::uint32_t rejected) {
    auto& e = streams_.emplace_back();
    e.host_ = this;
    e.method = view(head.method);
    e.scheme = view(head.scheme);
    e.authority = view(head.authority);
    e.target = view(head.target);
    e.upgrade = view(head.upgrade);
    e.fields = pairs_of(head.fields);
    e.content_length = head.content_length;
    e.rejected = rejected;
    e.credit_ = limits.stream_window;
    e.state_ = zeroed(table_->stream_state_size);
    e.shell_ = {{&api::table, e.state_.get(), &shell_.raw}, &e};
    *s = &e.shell_.raw;
    return PK_OK;
}

codec_under_test::codec_under_test(std::string_view options, const setup& with,
                                   const std::string& file)
    : instance_(file, PK_CODEC_ID, options, with),
      table_(static_cast<const pk_codec*>(instance_.table())) {}

codec_under_test::~codec_under_test() {
    disconnect();
}

std::uint32_t codec_under_test::probe(std::string_view first) {
    const inside plugin(true);
    return table_->probe(instance_.raw(), str(first));
}

std::vector<std::string> codec_under_test::protocols() {
    std::uint32_t n = 0;
    const pk_str* all = table_->protocols(instance_.raw(), &n);
    std::vector<std::string> names;
    for (std::uint32_t i = 0; i < n; ++i) names.emplace_back(view(all[i]));
    return names;
}

// A hook, and what the kernel does after it.
template <class F>
void codec_under_test::hook(F f) {
    {
        const inside plugin(true);
        f();
    }
    settle();
}

void codec_under_test::settle() {
    close_streams();
    if (!open_) return;
    {
        const inside plugin(true);
        table_->write(&shell_.raw);
    }
    close_streams();
}

// Those that have ended in both directions, or early.
void codec_under_test::close_streams() {
    for (auto& e : streams_) {
        const bool whole = e.ended && e.finished_ && e.out_.empty();
        if (e.closed || !(e.over_ || whole || closing >= 0)) continue;
        e.closed = e.over_ = true;
        const inside plugin(true);
        table_->stream_closed(&e.shell_.raw);
    }
}

void codec_under_test::connect() {
    disconnect();
    streams_.clear();
    output_.clear();
    closing = -1;
    closing_text.clear();
    glitches = malformed = 0;
    timer_due_ = 0;
    state_ = zeroed(table_->state_size);
    shell_ = {{&api::table, state_.get(), instance_.raw()}, this};
    hook([&] { open_ = table_->open(&shell_.raw) == PK_OK; });
}

void codec_under_test::disconnect() {
    if (!open_) return;
    for (auto& e : streams_) e.over_ = true;
    settle();
    open_ = false;
    const inside plugin(true);
    table_->closed(&shell_.raw);
}

void codec_under_test::receive(std::string_view bytes) {
    const pk_slice slice{bytes.data(), bytes.size(), &block};
    const pk_slice_view all{&slice, 1, sizeof slice};
    offered_ = bytes;
    hook([&] {
        if (table_->received(&shell_.raw, &all) > bytes.size()) complain("takes too much");
    });
    offered_ = {};
}

void codec_under_test::receive_end() {
    hook([&] { table_->received_end(&shell_.raw); });
}

std::string codec_under_test::take() {
    std::string taken = std::exchange(output_, {});
    settle();
    return taken;
}

void codec_under_test::drain() {
    hook([&] { table_->drain(&shell_.raw); });
}

void codec_under_test::close(std::uint32_t cause) {
    for (auto& e : streams_)
        if (!e.closed && !e.over_) e.reset(cause);
    hook([&] { table_->close(&shell_.raw, cause); });
}

void codec_under_test::advance(std::chrono::nanoseconds by) {
    host().advance(by);
    if (timer_due_ == 0 || timer_due_ > host().now) return;
    timer_due_ = 0;
    hook([&] { table_->timer(&shell_.raw); });
}

std::string codec_exchange::field(std::string_view name) const {
    std::string all;
    for (const auto& [key, value] : fields) {
        if (key != name) continue;
        if (!all.empty()) all += " | ";
        all += value;
    }
    return all;
}

void codec_exchange::respond(std::uint32_t code, const field_pairs& with, std::string_view content,
                             bool ends) {
    if (over_) return;
    const auto all = raw_fields(with);
    responded_ = true;
    out_ += content;
    host_->hook([&] {
        const auto* t = host_->table_;
        t->respond(&shell_.raw, code, view_of(all));
        if (!content.empty()) t->available(&shell_.raw, out_.size(), 0);
        if (!ends) return;
        finished_ = true;
        t->end(&shell_.raw, {nullptr, 0, sizeof(pk_field)});
    });
}

void codec_exchange::informational(std::uint32_t code, const field_pairs& with) {
    const auto all = raw_fields(with);
    host_->hook([&] { host_->table_->respond(&shell_.raw, code, view_of(all)); });
}

void codec_exchange::send(std::string_view content) {
    if (over_) return;
    out_ += content;
    host_->hook([&] { host_->table_->available(&shell_.raw, out_.size(), 0); });
}

void codec_exchange::finish(const field_pairs& with) {
    if (over_) return;
    const auto all = raw_fields(with);
    finished_ = true;
    host_->hook([&] { host_->table_->end(&shell_.raw, view_of(all)); });
}

void codec_exchange::reset(std::uint32_t cause) {
    if (over_) return;
    over_ = true;
    out_.clear();
    host_->hook([&] { host_->table_->reset(&shell_.raw, cause); });
}

void codec_exchange::credit(std::uint64_t bytes) {
    credit_ += bytes;
    host_->hook([&] {
        if (!closed) host_->table_->credit(&shell_.raw, bytes);
        host_->table_->conn_credit(&host_->shell_.raw, bytes);
    });
}

}  // namespace pk::testing
