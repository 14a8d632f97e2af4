// How transports reach what a worker has for them: wakers and the offload pool.
//
// One of it a worker, on its thread.

#pragma once

#include "kernel/net/transport.hpp"

namespace pkernel::stream {

struct context;

class session_door final : public net::session_services {
public:
    explicit session_door(context& c) noexcept : context_(c) {}

    pk_waker make_waker(net::session& s) override;
    pk_status submit(net::session& s, const pk_conn_job& job) override;
    void forget(net::session& s) noexcept override;

private:
    context& context_;
};

}  // namespace pkernel::stream
