// Attempts: what the plugins of `attempt` are told and asked.

#include <cstring>

#include "kernel/plugin/call_marker.hpp"
#include "kernel/stream/forward.hpp"
#include "kernel/stream/host_calls.hpp"
#include "kernel/stream/stream.hpp"

namespace pkernel::stream {

namespace {

// For balancers that ask how it ended.
std::uint32_t cause_of(std::uint32_t failure) noexcept {
    switch (failure) {
        case PK_FAIL_NONE:
            return PK_END_COMPLETE;
        case PK_FAIL_REFUSED:
        case PK_FAIL_UNREACHABLE:
        case PK_FAIL_TRANSPORT:
            return PK_END_UNREACHABLE;
        case PK_FAIL_CONNECT_TIMEOUT:
        case PK_FAIL_SEND_TIMEOUT:
        case PK_FAIL_HEAD_TIMEOUT:
            return PK_END_TIMEOUT;
        case PK_FAIL_PROTOCOL:
            return PK_END_PROTOCOL;
        default:
            return PK_END_ORIGIN_ABORT;
    }
}

// Whether it says anything of the endpoint.
bool is_outcome(std::uint32_t failure) noexcept {
    return failure != PK_FAIL_VETO && failure != PK_FAIL_CANCELLED && failure != PK_FAIL_LOCAL;
}

template <class Call>
void call_plugin(context& in, const attempt_use& use, Call&& hook) {
    plugin::call_marker mark(in.marker, use.instance->number());
    hook();
}

}  // namespace

// A handle for each plugin that only reads; made when the first one is called.
void forward::make_slots() {
    const auto n = policy_->uses.size();
    slots_ = static_cast<slot**>(stream_.arena.allocate(n * sizeof(slot*), alignof(slot*)));
    for (std::size_t i = 0; i < n; ++i) {
        const attempt_use& use = *policy_->uses[i];
        slot* s = slots_[i] = stream_.arena.make<slot>();
        s->owner = &stream_;
        s->reader = use.instance.get();
        s->handle.api = host_calls::table();
        s->handle.instance = use.instance->self();
        if (const auto size = use.hooks.state_size) {
            s->handle.state = stream_.arena.allocate(size);
            std::memset(s->handle.state, 0, size);
        }
    }
}

pk_attempt_facts forward::facts_of(std::uint32_t failure) const noexcept {
    const auto now = stream_.in().loop.now();
    pk_attempt_facts f{};
    f.size = sizeof f;
    f.attempt = attempts_;
    f.failure = failure;
    if (got_head_)
        f.status = status_;
    else if (failure == PK_FAIL_STATUS)
        f.status = stream_.response.status;
    if (conn_ && connected_) {
        f.sent = static_cast<std::uint32_t>(conn_->request_sent());
        f.received = conn_->got_anything();
    } else if (failure != PK_FAIL_NONE && failure != PK_FAIL_VETO) {
        f.sent = static_cast<std::uint32_t>(ask_->last_failure.request);
        f.received = ask_->last_failure.got_bytes;
    }
    f.idempotent = (stream_.request.flags & PK_REQUEST_IDEMPOTENT) != 0;
    f.replayable = !body_began_ || ask_->replay.whole();
    f.reused = reused_;
    f.worker = stream_.in().worker;
    f.endpoint = endpoint_;
    f.elapsed_ns = static_cast<std::uint64_t>((now - attempt_start_).count());
    f.total_ns = static_cast<std::uint64_t>((now - first_attempt_).count());
    f.endpoints = &chooser_->of().snapshot;
    return f;
}

// Opens an attempt at the endpoint that was chosen, if the plugins let it pass.
std::uint32_t forward::admit() {
    auto& in = stream_.in();
    attempt_start_ = in.loop.now();
    open_ = true;
    asked_ = 0;
    if (policy_->uses.empty() || pinned_.index != PK_NO_ENDPOINT) return PK_ATTEMPT_PASS;
    if (!slots_) make_slots();
    auto facts = facts_of(PK_FAIL_NONE);
    facts.attempt = attempts_ + 1;
    facts.others = others_left();
    std::uint64_t shortest = UINT64_MAX;
    for (const auto& use : policy_->uses) {
        pk_stream* handle = &slots_[asked_++]->handle;
        if (!use->hooks.before_send) continue;
        pk_attempt_plan plan{sizeof plan, 0, 0, 0};
        std::uint32_t verdict = PK_ATTEMPT_PASS;
        call_plugin(in, *use, [&] { verdict = use->hooks.before_send(handle, &facts, &plan); });
        if (verdict == PK_ATTEMPT_OTHER || verdict == PK_ATTEMPT_GIVE_UP) return verdict;
        if (plan.try_ns > 0) shortest = std::min(shortest, plan.try_ns);
    }
    constexpr std::uint64_t longest = 366ull * 86'400 * 1'000'000'000;
    if (shortest < longest)
        ask_->try_timer.arm(in.loop.timers(), in.loop.now() + net::nanoseconds(shortest));
    return PK_ATTEMPT_PASS;
}

// The first one that has an opinion.
forward::next_step forward::ask_plugins(std::uint32_t failure) {
    auto facts = facts_of(failure);
    facts.others = others_left();
    next_step next;
    for (std::size_t i = 0; i < asked_; ++i) {
        const attempt_use& use = *policy_->uses[i];
        const bool asks = failure != PK_FAIL_STATUS || use.judged.has(facts.status);
        if (!use.hooks.failed || !asks) continue;
        pk_attempt_plan plan{sizeof plan, 0, 0, 0};
        call_plugin(stream_.in(), use,
                    [&] { next.verdict = use.hooks.failed(&slots_[i]->handle, &facts, &plan); });
        if (next.verdict == PK_ATTEMPT_PASS || next.verdict > PK_ATTEMPT_GIVE_UP) continue;
        next.unsafe = plan.flags & PK_ATTEMPT_UNSAFE;
        const auto most = static_cast<std::uint64_t>(delay_max.count());
        next.delay = net::nanoseconds(std::min(plan.delay_ns, most));
        return next;
    }
    next.verdict = PK_ATTEMPT_PASS;
    return next;
}

// Tells all who want to know. Once an attempt.
void forward::end_attempt(std::uint32_t failure) noexcept {
    if (!std::exchange(open_, false)) return;
    ask_->try_timer.cancel();
    if (pinned_.index != PK_NO_ENDPOINT) return;
    if (is_outcome(failure))
        chooser_->result(endpoint_, cause_of(failure), stream_.in().loop.now() - attempt_start_);
    if (asked_ == 0 && !chooser_->wants_outcomes()) return;
    auto facts = facts_of(failure);
    if (failure == PK_FAIL_VETO) facts.attempt = attempts_ + 1;
    if (chooser_->wants_outcomes() && is_outcome(failure))
        chooser_->outcome(facts, std::exchange(trial_, +PK_TRIAL_NONE));
    for (std::size_t i = 0; i < asked_; ++i) {
        const attempt_use& use = *policy_->uses[i];
        if (use.hooks.finished)
            call_plugin(stream_.in(), use, [&] { use.hooks.finished(&slots_[i]->handle, &facts); });
    }
}

// A response's head is enough for an endpoint that was down: its body may last for hours.
void forward::end_trial() {
    if (trial_ == PK_TRIAL_NONE || !open_ || !chooser_->wants_outcomes()) return;
    const auto facts = facts_of(PK_FAIL_NONE);
    chooser_->outcome(facts, std::exchange(trial_, +PK_TRIAL_NONE));
}

// The attempt's own time, which a plugin gave it, is over.
void forward::try_expired() {
    if (!running_ || got_head_ || !conn_) return;
    upstream::failure why{connected_ ? upstream::failure_kind::response_timeout
                                     : upstream::failure_kind::connect_timeout};
    if (connected_) {
        why.got_bytes = conn_->got_anything();
        why.request = conn_->request_sent();
    }
    std::exchange(conn_, nullptr)->abandon();
    on_failure(why);
}

}  // namespace pkernel::stream
