// The half of the stream's functions that concerns replies, bodies and memory.

#include <algorithm>
#include <cstring>
#include <utility>

#include "kernel/http/head.hpp"
#include "kernel/stream/host_calls.hpp"
#include "kernel/stream/lent_memory.hpp"
#include "kernel/stream/stream.hpp"
#include "kernel/stream/tunnel.hpp"

namespace pkernel::stream {

namespace {

bool legal_fields(pk_field_view fields) noexcept {
    const auto* at = reinterpret_cast<const char*>(fields.first);
    for (std::uint32_t i = 0; i < fields.count; ++i, at += fields.stride) {
        const auto& f = *reinterpret_cast<const pk_field*>(at);
        if (!http::is_token(http::to_view(f.name)) || !http::is_field_value(http::to_view(f.value)))
            return false;
    }
    return fields.count <= stream::fields_max;
}

// Copies all but those that only the kernel writes.
void copy_fields(http::fields& to, pk_field_view fields, base::arena& arena) {
    const auto* at = reinterpret_cast<const char*>(fields.first);
    for (std::uint32_t i = 0; i < fields.count; ++i, at += fields.stride) {
        const auto& f = *reinterpret_cast<const pk_field*>(at);
        const auto name = http::to_view(f.name);
        const auto id = http::field_id(name);
        if (id == PK_FIELD_CONTENT_LENGTH || id == PK_FIELD_TRANSFER_ENCODING ||
            id == PK_FIELD_CONNECTION || id == PK_FIELD_KEEP_ALIVE)
            continue;
        to.append(arena.copy(name), arena.copy(http::to_view(f.value)), id);
    }
}

}  // namespace

// Should the plugin give up because of it, the log says why.
pk_status host_calls::refuse(slot& s, pk_status answer, const char* why) noexcept {
    s.refusal = why;
    return answer;
}

// Puts a new response in place of whatever there was; the rest of what a reply means is done when
// the callback has returned (act_on_record), because its data hook may still be looking at a body.
pk_status host_calls::begin_reply(slot& s, std::uint32_t status, pk_field_view fields,
                                  std::int64_t length) {
    stream& o = *s.owner;
    if (status < 200 || status > 599)
        return refuse(s, PK_INVALID, "failed: a reply's status is from 200 to 599");
    if (!legal_fields(fields))
        return refuse(s, PK_INVALID, "failed: a reply's fields have a name or value that is none");
    const bool here = s.handler || !s.sides[PK_RESPONSE].passed;
    if (s.out || o.ended_ || o.replied_ || !s.began || !here ||
        o.response_.head == stream::head_state::delivered ||
        o.request_.head == stream::head_state::none)
        return refuse(s, PK_WRONG_STATE, "failed: a reply came too late, or a second time");
    // A filter's turn to answer comes when the request or the response head is at it, or has passed
    // it on the way in and no response has yet gone on from it.
    o.replied_ = true;
    o.recorded_ = stream::recorded::reply;
    o.recorded_by_ = &s;
    o.response.status = static_cast<std::uint16_t>(status);
    o.response.headers.clear();
    o.response_trailers.clear();
    copy_fields(o.response.headers, fields, o.arena);
    o.response_length_ = length;
    o.set_framing_field(o.response.headers, length);
    o.begin_response(s.index);
    o.announce(s, PK_RESPONSE, length);
    if (o.end_.is_complete() && !s.handler) o.end_ = {PK_END_REFUSED, "reply"};
    return PK_OK;
}

pk_status host_calls::reply(pk_stream* h, std::uint32_t status, pk_field_view fields, pk_str body) {
    slot& s = slot::of(h);
    stream& o = *s.owner;
    // The body may be a view of what begin_reply drops.
    const auto copy = o.arena.copy(http::to_view(body));
    const auto rc = begin_reply(s, status, fields, static_cast<std::int64_t>(copy.size()));
    if (rc != PK_OK) return rc;
    o.enter(o.response_, base::slice(copy.data(), copy.size(), nullptr));
    o.response_.end_in = true;
    return PK_OK;
}

pk_status host_calls::respond(pk_stream* h, std::uint32_t status, pk_field_view fields,
                              std::int64_t content_length) {
    slot& s = slot::of(h);
    if (content_length < -1) return PK_INVALID;
    const auto rc = begin_reply(s, status, fields, content_length);
    if (rc != PK_OK) return rc;
    s.owner->responder_ = &s;
    s.sides[PK_RESPONSE].wants_drained = true;
    s.owner->drains_ = true;
    return PK_OK;
}

void host_calls::reset(pk_stream* h, std::uint32_t cause) {
    slot& s = slot::of(h);
    stream& o = *s.owner;
    if (o.ended_ || !s.has_plugin()) return;
    o.recorded_ = stream::recorded::reset;
    o.recorded_by_ = &s;
    o.reset_cause_ = cause;
    o.again_ = true;
}

void host_calls::resume(pk_stream* h, std::uint32_t direction) {
    slot& s = slot::of(h);
    if (direction > PK_RESPONSE || s.owner->ended_) return;
    s.owner->resume(s, static_cast<int>(direction));
}

pk_status host_calls::transform(pk_stream* h, std::uint32_t direction, std::int64_t length) {
    slot& s = slot::of(h);
    stream& o = *s.owner;
    if (direction > PK_RESPONSE || s.handler || !s.has_plugin() || length < -1) return PK_INVALID;
    if (s.tunnel || o.response.status == 101) return tunnel::transform(s, direction);
    if (!held_here(s, static_cast<int>(direction))) return PK_WRONG_STATE;
    s.sides[direction].transforms = true;
    o.ensure_stage(s, static_cast<int>(direction));
    o.announce(s, static_cast<int>(direction), length);
    if (direction == PK_REQUEST) {
        o.request.content_length = length;
        o.set_framing_field(o.head.headers, length);
        o.request.flags |= PK_REQUEST_HAS_BODY;
    } else {
        o.response_length_ = length;
        o.set_framing_field(o.response.headers, length);
    }
    return PK_OK;
}

// Whether bytes in that direction are this handle's to send.
bool host_calls::has_output(const slot& s, std::uint32_t direction) noexcept {
    const stream& o = *s.owner;
    const auto& side = s.sides[direction];
    if (o.ended_ || side.finished) return false;
    if (direction == PK_RESPONSE && o.responder_ == &s) return true;
    if (s.out) return false;
    if (!s.tunnel) return side.transforms;
    return o.tunnelling() && side.interest && side.at && !side.at->end_done;
}

pk_status host_calls::may_emit(slot& s, std::uint32_t direction, std::uint64_t size) {
    stream& o = *s.owner;
    if (direction > PK_RESPONSE) return PK_INVALID;
    auto& side = s.sides[direction];
    if (!has_output(s, direction)) return PK_WRONG_STATE;
    if (size > stream::emit_max) return PK_INVALID;  // No room would ever be enough.
    side.wants_drained = true;
    o.drains_ = true;
    const bool full =
        s.emitted == 0 && o.queued_after(s, static_cast<int>(direction)) >= stream::high_water;
    if (full || s.emitted + size > stream::emit_max) return PK_NO_MEMORY;
    s.emitted += static_cast<std::uint32_t>(size);
    return PK_OK;
}

void host_calls::put(slot& s, std::uint32_t direction, base::slice data) {
    stream& o = *s.owner;
    auto& l = o.lane_of(static_cast<int>(direction));
    o.again_ = true;
    if (direction == PK_RESPONSE && !o.response_has_body()) return;
    stage* at = s.sides[direction].at;
    stage* next = o.responder_ == &s ? l.first : at ? at->next : nullptr;
    (next ? next->in : l.tail).push(std::move(data));
}

// What was emitted so far is to be sent on at once by those after this handle.
void host_calls::flush_after(slot& s, std::uint32_t direction) {
    auto& l = s.owner->lane_of(static_cast<int>(direction));
    stage* at = s.sides[direction].at;
    stage* next = s.owner->responder_ == &s ? l.first : at ? at->next : nullptr;
    (next ? next->flush : l.flush) = true;
}

pk_status host_calls::emit(pk_stream* h, std::uint32_t direction, pk_str bytes,
                           std::uint32_t flags) {
    slot& s = slot::of(h);
    if (const auto bad = may_emit(s, direction, bytes.size); bad != PK_OK) return bad;
    auto left = http::to_view(bytes);
    while (!left.empty()) {
        auto& blocks = s.owner->context_.blocks;
        auto* whose = s.owner->account_;
        auto b = base::block_ref::adopt(left.size() > 8000 ? blocks.take_large(whose)
                                                           : blocks.take_small(whose));
        const auto n = std::min<std::size_t>(left.size(), b->capacity);
        std::memcpy(b->data(), left.data(), n);
        put(s, direction, base::slice(b->data(), n, b.get()));
        left.remove_prefix(n);
    }
    if (flags & PK_DATA_FLUSH) flush_after(s, direction);
    return PK_OK;
}

pk_status host_calls::emit_slices(pk_stream* h, std::uint32_t direction, pk_slice_view slices,
                                  std::uint32_t flags) {
    slot& s = slot::of(h);
    std::uint64_t size = 0;
    const auto each = [&](auto&& f) {
        const auto* at = reinterpret_cast<const char*>(slices.first);
        for (std::uint32_t i = 0; i < slices.count; ++i, at += slices.stride)
            f(*reinterpret_cast<const pk_slice*>(at));
    };
    each([&](const pk_slice& p) { size += p.size; });
    if (const auto bad = may_emit(s, direction, size); bad != PK_OK) return bad;
    each([&](const pk_slice& p) {
        put(s, direction, base::slice(p.data, p.size, static_cast<base::block*>(p.block)));
    });
    if (flags & PK_DATA_FLUSH) flush_after(s, direction);
    return PK_OK;
}

pk_status host_calls::emit_owned(pk_stream* h, std::uint32_t direction, pk_str bytes,
                                 std::uint32_t flags, void (*unused)(void*), void* arg) {
    slot& s = slot::of(h);
    if (!unused || !s.has_plugin()) return PK_INVALID;
    if (const auto bad = may_emit(s, direction, bytes.size); bad != PK_OK) return bad;
    stream& o = *s.owner;
    put(s, direction,
        o.context_.lent->lend(http::to_view(bytes), unused, arg, s.instance()->number(), o.site_));
    if (flags & PK_DATA_FLUSH) flush_after(s, direction);
    return PK_OK;
}

std::uint64_t host_calls::queued(pk_stream* h, std::uint32_t direction) {
    slot& s = slot::of(h);
    return direction > PK_RESPONSE ? 0 : s.owner->queued_after(s, static_cast<int>(direction));
}

pk_status host_calls::finish(pk_stream* h, std::uint32_t direction, pk_field_view trailers) {
    slot& s = slot::of(h);
    stream& o = *s.owner;
    if (direction > PK_RESPONSE || !legal_fields(trailers)) return PK_INVALID;
    auto& side = s.sides[direction];
    if (!has_output(s, direction)) return PK_WRONG_STATE;
    const bool responds = direction == PK_RESPONSE && o.responder_ == &s;
    side.finished = true;
    auto& all = direction == PK_REQUEST ? o.request_trailers : o.response_trailers;
    all.clear();
    copy_fields(all, trailers, o.arena);
    auto& l = o.lane_of(static_cast<int>(direction));
    if (responds)
        l.end_in = true;
    else
        o.pass_end(l, *side.at);
    o.again_ = true;
    return PK_OK;
}

pk_status host_calls::retain(pk_stream* h, const pk_slice* slice) {
    stream& o = *slot::of(h).owner;
    auto* b = static_cast<base::block*>(slice->block);
    if (!b) return PK_OK;
    if (o.retained_bytes_ + b->capacity > stream::retained_max) return PK_NO_MEMORY;
    o.retained_bytes_ += b->capacity;
    auto* r = o.retained_;
    while (r && r->block) r = r->next;
    if (!r) {  // None of those that were released is left to be used again.
        r = o.lasting().make<stream::retained_block>();
        r->next = std::exchange(o.retained_, r);
    }
    r->block = base::block_ref::share(b);
    return PK_OK;
}

void host_calls::release(pk_stream* h, const pk_slice* slice) {
    stream& o = *slot::of(h).owner;
    for (auto* r = o.retained_; r; r = r->next)
        if (r->block && r->block.get() == slice->block) {
            o.retained_bytes_ -= r->block->capacity;
            r->block.reset();
            return;
        }
}

pk_status host_calls::collect(pk_stream* h, std::uint32_t direction, std::uint64_t limit,
                              std::uint32_t overflow) {
    slot& s = slot::of(h);
    stream& o = *s.owner;
    if (direction > PK_RESPONSE) return PK_INVALID;
    if (overflow > PK_OVERFLOW_STREAM) return PK_INVALID;
    if (s.tunnel || o.response.status == 101) return PK_WRONG_STATE;
    const bool here =
        s.handler ? direction == PK_REQUEST && !s.out : held_here(s, static_cast<int>(direction));
    auto& side = s.sides[direction];
    if (!here || side.collected)
        return refuse(s, PK_WRONG_STATE,
                      "failed: it collects a body outside of the hook for that body's head");
    constexpr std::uint64_t default_max = 1024 * 1024;
    if (limit > std::max<std::uint64_t>(default_max, o.route_->conf->limits.collect))
        return refuse(s, PK_NO_MEMORY,
                      "failed: it would collect more than 1 MiB and limits.collect of the route");
    side.collecting = true;
    side.collect_limit = limit;
    side.overflow = overflow;
    o.ensure_stage(s, static_cast<int>(direction));
    return PK_OK;
}

pk_slice_view host_calls::collected(pk_stream* h, std::uint32_t direction,
                                    std::uint32_t* complete) {
    slot& s = slot::of(h);
    if (direction > PK_RESPONSE || !s.sides[direction].at) return {nullptr, 0, sizeof(pk_slice)};
    if (complete) *complete = s.sides[direction].complete;
    const stage& st = *s.sides[direction].at;
    return st.spilled ? st.spilled->beginning.view() : st.in.view();
}

void* host_calls::allocate(pk_stream* h, std::uint64_t size, std::uint64_t align) {
    stream& o = *slot::of(h).owner;
    const bool legal = align && align <= 16 && !(align & (align - 1));
    if (!legal || size > stream::plugin_memory_max - o.plugin_memory_) return nullptr;
    o.plugin_memory_ += static_cast<std::uint32_t>(size);
    return o.lasting().allocate(size, align);
}

pk_status host_calls::annotate(pk_stream* h, pk_str key, pk_str value) {
    slot& s = slot::of(h);
    stream& o = *s.owner;
    auto& all = o.annotations_;
    if (all.count == stream::annotations_max) return PK_NO_MEMORY;
    if (!s.instance()) return PK_WRONG_STATE;
    const auto& use = s.instance()->use();
    base::arena& a = o.lasting();
    if (all.count == all.capacity) {
        all.capacity = all.capacity ? stream::annotations_max : 2;
        auto* more = static_cast<pk_annotation*>(a.allocate(all.capacity * sizeof(pk_annotation)));
        std::copy_n(all.items, all.count, more);
        all.items = more;
    }
    all.items[all.count++] = {http::to_str(a.join(use.name, ".", http::to_view(key))),
                              http::to_str(a.copy(http::to_view(value)))};
    return PK_OK;
}

const pk_stream_api* host_calls::table() noexcept {
    static const pk_stream_api api = [] {
        pk_stream_api t{};
        t.size = sizeof t;
        t.request = &request;
        t.fields = &fields;
        t.find = &find;
        t.set_field = &set_field;
        t.add_field = &add_field;
        t.remove_field = &remove_field;
        t.set_part = &set_part;
        t.set_client = &set_client;
        t.status = &status;
        t.set_status = &set_status;
        t.reply = &reply;
        t.reset = &reset;
        t.resume = &resume;
        t.transform = &transform;
        t.emit = &emit;
        t.emit_slices = &emit_slices;
        t.queued = &queued;
        t.retain = &retain;
        t.release = &release;
        t.collect = &collect;
        t.collected = &collected;
        t.allocate = &allocate;
        t.annotate = &annotate;
        t.respond = &respond;
        t.finish = &finish;
        t.reroute = &reroute;
        t.emit_owned = &emit_owned;
        return t;
    }();
    return &api;
}

}  // namespace pkernel::stream
