#include "kernel/stream/subrequest.hpp"

#include "kernel/stream/stream.hpp"
#include "kernel/stream/stream_call.hpp"

namespace pkernel::stream {

subrequest::subrequest(context& c, const subrequest_owner& owner, const pk_subrequest& what,
                       const std::shared_ptr<site>& where, const listener_plan& listener)
    : context_(c),
      owner_(owner),
      what_(what),
      own_(owner.parent ? nullptr : c.blocks.open_account(SIZE_MAX)),
      child_(c.new_stream()),
      timer_([](void* self) { static_cast<subrequest*>(self)->fail(PK_END_TIMEOUT); }, this) {
    child_->open(*this, where, listener);
}

subrequest::~subrequest() {
    if (child_) {
        child_->reset();
        context_.free_stream(child_);
    }
    if (own_) context_.blocks.close_account(own_);
}

// Without a parent it is bounded by what it may take and by their number.
base::block_account* subrequest::account() const noexcept {
    return own_ ? own_ : owner_.parent->owner->account();
}

void subrequest::begin(net::nanoseconds timeout) {
    if (timeout.count() > 0) timer_.arm(context_.loop.timers(), context_.loop.now() + timeout);
    context_.loop.defer(*this);
}

// Also inside the very data callback that then takes less than all.
void subrequest::resume() {
    resumed_ = true;
    context_.loop.defer(*this);
}

void subrequest::cancel() {
    cancelled_ = true;
    context_.loop.defer(*this);
}

// --- the child's response, recorded
// --------------------------------------------------------------------------

void subrequest::send_head(const response_out&) {
    // An error of the kernel's own is not an answer of whoever was asked; a filter's reply is.
    const auto cause = child_->end_reason().cause;
    if (cause != PK_END_COMPLETE && cause != PK_END_REFUSED) return fail(cause);
    has_head_ = true;
    context_.loop.defer(*this);
}

void subrequest::send_data(base::slice data) {
    if (failed_ || data.empty()) return;
    child_->response_bytes += data.size();
    received_ += data.size();
    if (received_ > what_.body_limit) return fail(PK_END_LIMIT);
    in_.push(std::move(data));
    context_.loop.defer(*this);
}

void subrequest::send_end(const http::fields&) {
    complete_ = true;
    context_.loop.defer(*this);
}

void subrequest::abort(base::end_reason why) {
    fail(why.cause != PK_END_COMPLETE ? why.cause : std::uint32_t{PK_END_ORIGIN_ABORT});
}

void subrequest::resume_request() {
    context_.loop.defer(*this);
}

void subrequest::fail(std::uint32_t cause) {
    if (!failed_) failed_ = cause;
    in_.clear();
    context_.loop.defer(*this);
}

// --- and acted upon
// ------------------------------------------------------------------------------------------

void subrequest::run_deferred() {
    if (cancelled_) return end(PK_END_CLIENT_ABORT, false);
    if (!begun_ && !failed_) {
        begun_ = true;
        child_->begin_child();
    }
    if (!failed_) send_body();
    if (failed_) return end(failed_, true);
    const bool was_full = in_.held() >= stream::high_water;
    if (!give_head() || !give_data()) return;
    if (complete_ && in_.empty()) return end(PK_END_COMPLETE, true);
    if (was_full && in_.held() < stream::high_water) child_->response_drained();
}

void subrequest::read_on(const spool& rest) {
    more_ = std::make_unique<spool>(
        context_,
        [](void* self) {
            auto* me = static_cast<subrequest*>(self);
            me->context_.loop.defer(*me);
        },
        this);
    more_->begin_reading(rest, account());
}

void subrequest::send_body() {
    if (body_sent_) return;
    for (;;) {
        while (!body_.empty() && child_->wants_request()) child_->request_data(body_.pop());
        if (!body_.empty()) return;
        if (!more_ || !more_->behind()) break;
        if (more_->next(body_)) continue;
        if (more_->broken()) fail(PK_END_LIMIT);
        return;
    }
    body_sent_ = true;
    child_->request_end();
}

template <class Call>
auto subrequest::call(Call&& callback) {
    if (owner_.parent) return owner_.parent->owner->call(*owner_.parent, callback);
    const plugin::call_marker mark(context_.marker, owner_.number);
    return callback(static_cast<pk_stream*>(nullptr));
}

void subrequest::let_parent_go_on() {
    if (owner_.parent) owner_.parent->owner->advance();
}

// False: it was cancelled meanwhile; the deferred call that does it is due.
bool subrequest::give_head() {
    if (!has_head_ || head_given_) return true;
    head_given_ = true;
    if (!what_.head) return true;
    call([this](pk_stream* parent) {
        what_.head(parent, what_.arg, child_->response.status, child_->response.headers.view());
    });
    let_parent_go_on();
    return !cancelled_;
}

bool subrequest::give_data() {
    if (std::exchange(resumed_, false)) paused_ = false;
    while (!in_.empty() && !paused_) {
        const auto offered = in_.bytes();
        auto taken = static_cast<std::uint64_t>(offered);
        if (what_.data) {
            const auto view = in_.view();
            taken = call([&](pk_stream* parent) { return what_.data(parent, what_.arg, &view); });
            if (taken > offered) {
                taken = offered;
                if (owner_.parent)
                    owner_.parent->owner->plugin_failed(*owner_.parent,
                                                        "took more bytes than were offered");
            }
        }
        in_.consume(taken);
        if (taken < offered) paused_ = !std::exchange(resumed_, false);
        let_parent_go_on();
        if (cancelled_) return false;
    }
    return true;
}

// The child goes first from the lists, so that its place is free for what the callback may start;
// then from the world, with its response's trailers, after the callback has seen them.
void subrequest::end(std::uint32_t cause, bool tells) {
    auto& table = *context_.subrequests;
    list_hook<subrequest>::unlink();
    --table.count_;
    if (owner_.parent) {
        subrequest** at = &owner_.parent->owner->children;
        while (*at != this) at = &(*at)->next_of_parent;
        *at = next_of_parent;
    }
    timer_.cancel();
    more_.reset();
    if (tells) {
        const bool whole = cause == PK_END_COMPLETE;
        const pk_field_view none{nullptr, 0, sizeof(pk_field)};
        const auto trailers = whole ? child_->response_trailers.view() : none;
        call([&](pk_stream* parent) { what_.end(parent, what_.arg, cause, trailers); });
    }
    stream* child = std::exchange(child_, nullptr);
    if (cause != PK_END_COMPLETE) child->abort({cause, "subrequest_ended"});
    child->finish();
    context_.free_stream(child);
    deferred::unlink();
    context_.loop.retire(this);
    if (tells) let_parent_go_on();
}

}  // namespace pkernel::stream
