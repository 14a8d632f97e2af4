// After a callback: resumes, drains, offers, ends, until nothing more can move.

#include "fake_stream.hpp"

namespace pk::testing {

using point = lane::point;

void fake_stream::after_callback() {
    if (depth > 0 || settling_ || ended_) return;
    settling_ = true;
    std::uint64_t before = 0;
    do {
        before = moves_;
        for (lane& l : lanes) {
            if (!l.held) l.queued = 0;
        }
        if (handler_ != nullptr) {
            settle_request_of_handler();
        } else {
            settle(0);
            settle(1);
        }
    } while (moves_ != before && moves_ < moves_max);
    if (moves_ >= moves_max) breach("never comes to rest");
    settling_ = false;
}

// What a hook's verdict means at that point of the direction.
void fake_stream::decide(std::size_t d, point at, pk_verdict v) {
    lane& l = lanes[d];
    if (at == point::head && l.collect_asked && v != PK_COLLECT) l.collect_asked = false;
    l.waits = point::none;
    if (replied || reset_) return;
    switch (v) {
        case PK_NEXT:
            if (at == point::head || at == point::collected) let_head_go(d);
            if (at == point::end) l.ended = l.finished = true;
            return;
        case PK_WAIT:
            l.waits = at;
            return;
        case PK_COLLECT:
            if (at == point::head && l.collect_asked) {
                l.collecting = true;
                return;
            }
            breach("collect without collect()");
            return give_up();
        case PK_DONE:
            breach("done without reply, respond or reset");
            return give_up();
        default:
            breach("unknown verdict");
            return give_up();
    }
}

void fake_stream::let_head_go(std::size_t d) {
    lane& l = lanes[d];
    l.head_gone = true;
    if (tunnel_ != nullptr && d == 1 && status == 101) open_ = true;
    if (!l.transforming) {
        for (const wide_slice& s : l.collected) pass_on(l, s, s.size);
    }
    l.collected.clear();
}

void fake_stream::pass_on(lane& l, const pk_slice& s, std::uint64_t size) {
    if (!l.finished) l.sent.append(s.data, size);
}

pk_slice_view fake_stream::viewed(const std::vector<wide_slice>& slices) const {
    return {slices.data(), static_cast<std::uint32_t>(slices.size()), sizeof(wide_slice)};
}

void fake_stream::settle(std::size_t d) {
    lane& l = lanes[d];
    if (replied || reset_ || !l.began) {
        if (d == 1 && responded && !reset_ && l.wants_drained && !l.finished &&
            l.queued < high_water) {
            l.wants_drained = false;
            call_drained(1);
        }
        return;
    }
    if (l.resume && l.waits != point::none) {
        l.resume = false;
        const point at = l.waits;
        pk_verdict v = PK_NEXT;
        if (has_resumed() && at != point::data) v = call_resumed(d);
        if (at == point::data) {
            l.waits = point::none;
        } else {
            decide(d, at, v);
        }
    }
    l.resume = false;
    if (l.collecting) gather(d);
    if (l.wants_drained && l.queued < high_water && !l.finished && l.head_gone) {
        l.wants_drained = false;
        if (l.waits == point::data) l.waits = point::none;
        call_drained(d);
    }
    if (replied || reset_ || !l.head_gone || l.waits != point::none) return;
    if (tunnel_ != nullptr && status == 101 && !open_) return;  // Held.
    if (l.queued >= high_water) return;
    if (!l.input.empty()) offer(d);
    if (l.input_end && l.input.empty() && l.waits == point::none && !l.end_played) end_of(d);
}

void fake_stream::offer(std::size_t d) {
    lane& l = lanes[d];
    std::vector<wide_slice> slices(l.input.begin(), l.input.end());
    std::uint64_t offered = 0;
    for (const wide_slice& s : slices) offered += s.size;
    std::uint64_t taken = offered;
    const std::size_t sent_before = l.sent.size();
    const bool was_finished = l.finished;
    if (looks_at(d) && !l.finished) {
        const pk_slice_view offer_view = viewed(slices);
        taken = call_data(d, offer_view, l.flush);
        if (replied || reset_) return;
        if (taken > offered) {
            breach("takes more bytes than were offered");
            return give_up();
        }
    }
    // Of a tunnel, what was emitted in the hook goes after what was taken in it.
    const std::string emitted = tunnel_ != nullptr ? l.sent.substr(sent_before) : std::string();
    if (!emitted.empty()) l.sent.resize(sent_before);
    const bool is_finished =
        std::exchange(l.finished, tunnel_ != nullptr ? was_finished : l.finished);
    std::uint64_t left = taken;
    while (!l.input.empty() && (left > 0 || l.input.front().size == 0)) {
        wide_slice& s = l.input.front();
        const std::uint64_t part = std::min(left, s.size);
        if (!l.transforming) pass_on(l, s, part);
        left -= part;
        s.data += part;
        s.size -= part;
        if (s.size == 0) l.input.pop_front();
    }
    l.sent += emitted;
    l.finished = is_finished;
    if (taken < offered) l.waits = point::data;
}

void fake_stream::end_of(std::size_t d) {
    lane& l = lanes[d];
    l.end_played = true;
    pk_verdict v = PK_NEXT;
    if (!l.finished) v = call_end(d);
    decide(d, point::end, v);
    if (l.ended && l.transforming && l.length >= 0 &&
        static_cast<std::uint64_t>(l.length) != l.sent.size()) {
        breach("ends a body of another length than it announced");
    }
}

// The body of a collecting direction, until it is whole or over the limit.
void fake_stream::gather(std::size_t d) {
    lane& l = lanes[d];
    std::uint64_t size = 0;
    for (const wide_slice& s : l.collected) size += s.size;
    while (!l.input.empty()) {
        if (size + l.input.front().size > l.collect_limit) {
            if (l.collect_overflow == PK_OVERFLOW_REJECT) {
                l.collecting = false;
                replied = true;
                reply.status = d == 0 ? 413 : 502;
                reply.complete = true;
                return;
            }
            l.collect_result = PK_COLLECTED_PART;
            return finish_collecting(d);
        }
        size += l.input.front().size;
        l.collected.push_back(l.input.front());
        l.input.pop_front();
    }
    if (!l.input_end) return;
    l.collect_result = PK_COLLECTED_ALL;
    finish_collecting(d);
}

void fake_stream::finish_collecting(std::size_t d) {
    lanes[d].collecting = false;
    if (handler_ != nullptr) {
        if (handler_->collected == nullptr) return;
        callback([&](pk_stream* s) { handler_->collected(s); });
        return;
    }
    const auto hook = d == 0 ? filter_->request_collected : filter_->response_collected;
    if (hook == nullptr) {
        breach("collects, but has no hook for what was collected");
        return give_up();
    }
    pk_verdict v = PK_NEXT;
    callback([&](pk_stream* s) { v = hook(s); });
    decide(d, point::collected, v);
}

// A handler: the request's body and end come to it while its response goes out.
void fake_stream::settle_request_of_handler() {
    lane& in = lanes[0];
    lane& out_lane = lanes[1];
    if (reset_) return;
    if (in.resume) {
        in.waits = point::none;
        in.resume = false;
    }
    if (std::exchange(out_lane.resume, false) && handler_->resumed != nullptr && !replied) {
        callback([&](pk_stream* s) { handler_->resumed(s); });
    }
    if (responded && !out_lane.finished && out_lane.wants_drained && out_lane.queued < high_water) {
        out_lane.wants_drained = false;
        if (handler_->drained != nullptr) {
            callback([&](pk_stream* s) { handler_->drained(s); });
        }
    }
    if (out_lane.finished || reset_) return;
    if (in.collecting) return gather(0);
    if (!in.input.empty() && in.waits == point::none) {
        std::vector<wide_slice> slices(in.input.begin(), in.input.end());
        std::uint64_t offered = 0;
        for (const wide_slice& s : slices) offered += s.size;
        std::uint64_t taken = offered;
        const pk_slice_view seen = viewed(slices);
        if (handler_->data != nullptr) {
            callback([&](pk_stream* s) { taken = handler_->data(s, &seen, in.flush); });
        }
        if (taken > offered) return breach("takes more bytes than were offered"), give_up();
        std::uint64_t left = taken;
        while (!in.input.empty() && (left > 0 || in.input.front().size == 0)) {
            const std::uint64_t part = std::min(left, in.input.front().size);
            in.input.front().data += part;
            in.input.front().size -= part;
            left -= part;
            if (in.input.front().size == 0) in.input.pop_front();
        }
        if (taken < offered) in.waits = point::data;
    }
    const bool all = in.input_end && in.input.empty() && in.waits == point::none;
    if (all && !std::exchange(in.end_played, true) && handler_->end != nullptr) {
        callback([&](pk_stream* s) { handler_->end(s); });
    }
}

}  // namespace pk::testing
