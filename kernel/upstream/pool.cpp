#include "kernel/upstream/pool.hpp"

#include <algorithm>

#include "kernel/base/check.hpp"

namespace pkernel::upstream {

// One idle connection; it watches it, and drops it when the peer closes or speaks out of turn.
// Records are kept and used again.
struct peer_pool::idle final : base::list_hook<peer_pool>, base::list_hook<pool>, connection_user {
    explicit idle(pool& p) : all(p), expiry(&on_expiry, this) {}

    void on_connected() override {}
    void on_informational() override {}
    void on_response_head(const http::framing&) override {}
    void on_response_data(base::slice) override {}
    void on_response_end(const http::fields&) override {}
    void on_send_drained() override {}
    bool wants_data() override { return false; }
    bool held_by_client() override { return false; }
    void on_failure(const failure&) override {
        conn = nullptr;  // It has retired itself.
        all.drop(*this);
    }
    static void on_expiry(void* self) {
        auto* me = static_cast<idle*>(self);
        if (me->conn) me->all.drop(*me);
    }

    pool& all;
    peer_pool* peer = nullptr;
    connection* conn = nullptr;
    net::instant until{};
    net::timer expiry;
};

pool::pool(net::loop& loop, limits l) : loop_(loop), limits_(l) {}

pool::~pool() {
    close_all();
    while (!spare_.empty()) delete &spare_.front();
}

std::shared_ptr<peer_pool> pool::of(const peer_key& key) {
    auto& p = peers_[key];
    if (!p) p.reset(new peer_pool(*this, key));
    p->round_ = round_;
    return p;
}

void pool::end_round() {
    std::erase_if(peers_, [this](const auto& item) {
        peer_pool& p = *item.second;
        if (p.round_ == round_) return false;
        p.left_ = true;
        while (!p.idle_.empty()) drop(p.idle_.front());
        return true;
    });
}

peer_pool::idle* pool::make_record() {
    if (spare_.empty()) return new peer_pool::idle(*this);
    peer_pool::idle* one = &spare_.back();
    one->base::list_hook<pool>::unlink();
    return one;
}

// Closes the connection if it is still there. The expiry stays armed at its old time: it finds
// nothing then.
void pool::drop(peer_pool::idle& one) {
    if (one.conn) std::exchange(one.conn, nullptr)->abandon();
    one.base::list_hook<peer_pool>::unlink();
    --one.peer->size_;
    --size_;
    spare_.push_back(one);
}

void pool::close_all() {
    while (!by_age_.empty()) drop(by_age_.front());
}

connection* peer_pool::take(net::nanoseconds margin) {
    while (!idle_.empty()) {
        idle& one = idle_.back();
        if (one.until < pool_.loop_.now() + margin) {
            pool_.drop(one);
            continue;
        }
        connection* c = std::exchange(one.conn, nullptr);
        pool_.drop(one);
        return c;
    }
    return nullptr;
}

void peer_pool::keep(connection* c, net::nanoseconds idle_time_max, std::size_t idle_max) {
    PK_CHECK(c->reusable());
    const auto time = std::min(idle_time_max, c->idle_hint());
    if (time.count() <= 0 || idle_max == 0 || left_) return c->abandon();
    idle* one = pool_.make_record();
    one->peer = this;
    one->conn = c;
    one->until = pool_.loop_.now() + time;
    one->expiry.arm(pool_.loop_.timers(), one->until);
    c->go_idle(*one);
    idle_.push_back(*one);
    pool_.by_age_.push_back(*one);
    ++size_;
    ++pool_.size_;
    if (size_ > idle_max) pool_.drop(idle_.front());
    if (pool_.size_ > pool_.limits_.idle_total_max) pool_.drop(pool_.by_age_.front());
}

}  // namespace pkernel::upstream
