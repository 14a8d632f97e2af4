// Which hook of which table an event is, and what only a tunnel has.

#include "fake_stream.hpp"

namespace pk::testing {

pk_verdict fake_stream::call_head(std::size_t d) {
    const auto hook = tunnel_ != nullptr ? (d == 0 ? tunnel_->judge : tunnel_->accepted)
                      : d == 0           ? filter_->request_headers
                                         : filter_->response_headers;
    pk_verdict v = PK_NEXT;
    if (hook != nullptr) callback([&](pk_stream* s) { v = hook(s); });
    return v;
}

bool fake_stream::looks_at(std::size_t d) const {
    if (tunnel_ != nullptr) return lanes[d].interest != 0 && tunnel_->data != nullptr;
    return interest(d == 0 ? PK_ON_REQUEST_DATA : PK_ON_RESPONSE_DATA) != 0;
}

std::uint64_t fake_stream::call_data(std::size_t d, const pk_slice_view& view,
                                     std::uint32_t flags) {
    std::uint64_t taken = 0;
    callback([&](pk_stream* s) {
        if (tunnel_ != nullptr)
            taken = tunnel_->data(s, static_cast<std::uint32_t>(d), &view, flags);
        else
            taken = (d == 0 ? filter_->request_data : filter_->response_data)(s, &view, flags);
    });
    return taken;
}

pk_verdict fake_stream::call_end(std::size_t d) {
    pk_verdict v = PK_NEXT;
    if (tunnel_ != nullptr) {
        const auto hook = tunnel_->end;
        if (hook != nullptr && open_)
            callback([&](pk_stream* s) { v = hook(s, static_cast<std::uint32_t>(d)); });
    } else if (interest(d == 0 ? PK_ON_REQUEST_END : PK_ON_RESPONSE_END) != 0) {
        const auto hook = d == 0 ? filter_->request_end : filter_->response_end;
        callback([&](pk_stream* s) { v = hook(s); });
    }
    return v;
}

void fake_stream::call_drained(std::size_t d) {
    const auto hook = tunnel_ != nullptr ? tunnel_->drained : filter_->drained;
    if (hook == nullptr) return;
    callback([&](pk_stream* s) { hook(s, static_cast<std::uint32_t>(d)); });
}

bool fake_stream::has_resumed() const {
    return (tunnel_ != nullptr ? tunnel_->resumed : filter_->resumed) != nullptr;
}

pk_verdict fake_stream::call_resumed(std::size_t d) {
    const auto hook = tunnel_ != nullptr ? tunnel_->resumed : filter_->resumed;
    pk_verdict v = PK_NEXT;
    callback([&](pk_stream* s) { v = hook(s, static_cast<std::uint32_t>(d)); });
    return v;
}

void fake_stream::play_limit(std::uint32_t which) {
    if (!tunnelling()) return host_.complain("test", "limit() without a tunnel");
    if (tunnel_->limit != nullptr && !out())
        callback([&](pk_stream* s) { tunnel_->limit(s, which); });
}

void fake_stream::play_drain(std::uint64_t deadline_ns) {
    if (!tunnelling()) return host_.complain("test", "drain_notice() without a tunnel");
    if (tunnel_->drain != nullptr && !out())
        callback([&](pk_stream* s) { tunnel_->drain(s, deadline_ns); });
}

const pk_tunnel_service& tunnel_table() noexcept {
    static const pk_tunnel_service table{
        sizeof(pk_tunnel_service), 0,
        [](pk_stream* raw, std::uint32_t d, std::uint32_t interest) -> pk_status {
            fake_stream* s = fake_stream::enter(raw, "set_interest");
            if (s == nullptr) return PK_WRONG_STATE;
            if (d > 1 || interest > PK_TUNNEL_DATA) return PK_INVALID;
            const bool legal = s->in_accepted() || (s->tunnelling() && interest == 0);
            if (!legal || s->out()) return PK_WRONG_STATE;
            s->lanes[d].interest = interest;
            return PK_OK;
        },
        [](pk_stream* raw, std::uint64_t idle_ns, std::uint64_t life_ns) -> pk_status {
            fake_stream* s = fake_stream::enter(raw, "set_limits");
            if (s == nullptr || s->out() || !(s->in_accepted() || s->tunnelling()))
                return PK_WRONG_STATE;
            if (idle_ns != PK_TUNNEL_AS_IS) s->idle_limit = idle_ns;
            if (life_ns != PK_TUNNEL_AS_IS) s->life_limit = life_ns;
            return PK_OK;
        }};
    return table;
}

}  // namespace pk::testing
