// What differs when a stream is a subrequest: where its chain begins, and that it is not a
// client's.

#include "kernel/stream/stream.hpp"

namespace pkernel::stream {

// On `direct`; or with the filters that follow `behind` in its stream, and that stream's handler;
// or on the route that matches. Calls no plugin. Without a route begin_child answers 404.
void stream::route_child(const route_plan* direct, const slot* behind) {
    if (direct) return attach(*direct, 0);
    if (!behind) return void(find_route());
    const stream& parent = *behind->owner;
    route_ = parent.route_;
    request.route = parent.request.route;
    const auto first = static_cast<std::uint16_t>(behind->index + 1);
    slot_count_ = static_cast<std::uint16_t>(parent.slot_count_ - first);
    if (parent.tunnel_slot_) --slot_count_;
    filter_count_ = static_cast<std::uint16_t>(parent.filter_count_ - first);
    if (slot_count_ == 0) return;
    slots_ = static_cast<slot**>(arena.allocate(slot_count_ * sizeof(slot*), alignof(slot*)));
    for (std::uint16_t i = 0; i < slot_count_; ++i) {
        const slot& like = *parent.slots_[first + i];
        const auto size =
            like.filter ? like.filter->hooks.state_size : like.handler->hooks.state_size;
        slots_[i] = make_slot(arena, *like.instance(), size, i);
        slots_[i]->filter = like.filter;
        slots_[i]->handler = like.handler;
    }
    build_stages(request_, 0, slot_count_, 1);
}

// In place of begin. Its fields are a plugin's own, so nothing in them is set aside as a client's
// claim.
void stream::begin_child() {
    head_method_ = request.method_id == PK_METHOD_HEAD;
    if (!route_)
        return local_error(404, {PK_END_REFUSED, "no_route"}, "destination_not_found",
                           "No route matches this request.");
    request_.head = head_state::running;
    advance();
}

}  // namespace pkernel::stream
