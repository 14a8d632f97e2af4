// A connection's transport: the plugin's pk_conn, and what the kernel keeps behind it.
//
// A session belongs to one wire, on one worker's thread. The transport reads and writes on the
// wire's fd inside these calls only; polling, deadlines and closing are its owner's.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/base/end_reason.hpp"
#include "kernel/base/slice_queue.hpp"
#include "kernel/net/socket.hpp"
#include "kernel/plugin/call_marker.hpp"
#include "kernel/plugin/instance.hpp"
#include "pkernel/abi/transport.h"

namespace pkernel::net {

class session;

// A listener's or an upstream's transport. Immutable; any thread may read.
struct transport_plan {
    pk_transport hooks{};
    std::shared_ptr<plugin::instance> instance;
    std::vector<std::string> names;  // Of the protocols, which point into it.
    std::vector<pk_str> protocols;   // The codecs' (accept) or those to offer (connect).
    // Numbers of the variables that it has (pk.variables/1), with their index in its own list.
    std::vector<std::pair<std::uint32_t, std::uint32_t>> variables;
    std::string place;  // What identifies a listener; an endpoint's is its address.

    // Fills protocols from names, which must not change any more.
    void publish() {
        for (const auto& each : names) protocols.push_back({each.data(), each.size()});
    }
    bool secure() const noexcept { return (hooks.flags & PK_TRANSPORT_SECURE) != 0; }
};

// What a worker does for sessions: wakers and jobs, which live in a layer above.
class session_services {
public:
    virtual pk_waker make_waker(session& s) = 0;
    virtual pk_status submit(session& s, const pk_conn_job& job) = 0;
    // The session ends: its wakers do nothing any more, its jobs are dropped when they come back.
    virtual void forget(session& s) noexcept = 0;

    virtual ~session_services() = default;
};

// What all sessions of a worker share.
struct session_context {
    plugin::marker_slot& marker;
    session_services& services;
};

// Who must go on with a handshake that was paused. Called outside the transport's hooks.
class session_owner {
public:
    virtual void handshake_resumed() = 0;

protected:
    ~session_owner() = default;
};

class session : private pk_conn {
public:
    struct facts {
        std::uint32_t side = PK_SIDE_ACCEPT;
        std::string_view peer_name;  // Connect: the name asked for. Lives as long as the session.
        std::string_view place;      // As above.
        pk_address peer{};
    };
    // Null: the transport refused the connection. `plan` outlives the session.
    static std::unique_ptr<session> open(session_context& in, const transport_plan& plan,
                                         int socket, const facts& about, session_owner& owner);
    ~session();
    session(const session&) = delete;
    session& operator=(const session&) = delete;

    // The connection is another object's from here on.
    void hand_to(session_owner* owner) noexcept { owner_ = owner; }

    // PK_IO_DONE, WANT_..., PAUSED or FAILED.
    pk_io handshake();
    io_result receive(char* at, std::size_t size) noexcept;
    // Whether the last receive that gave bytes has emptied the fd.
    bool drained() const noexcept { return drained_; }
    // Takes bytes from the front of `out`. `more`: further ones or close_write follow in this turn.
    io_result send(base::slice_queue& out, bool more) noexcept;
    // True: sent, or it never will be.
    bool close_write() noexcept;

    // Directions in which the fd carries plaintext (PK_PLAIN_...). After the handshake.
    std::uint32_t plaintext() const noexcept { return plaintext_; }
    // What was agreed in the handshake; empty: nothing.
    std::string_view protocol() const noexcept { return protocol_; }
    bool serves(std::string_view host) noexcept;
    // False: it has none now. Lives until the connection's next event.
    bool variable(std::uint32_t index, std::string_view& value) noexcept;
    const transport_plan& plan() const noexcept { return plan_; }

    // Why the handshake, or a later read or write, failed.
    std::uint32_t failure_cause() const noexcept { return cause_; }
    const std::string& failure() const noexcept { return failure_; }

    // For the services.
    pk_conn* handle() noexcept { return this; }
    void resume() noexcept { resumed_ = true; }
    // Calls the transport outside of its hooks (a job's done); then goes on if it resumed.
    template <class Call>
    void call_back(Call&& call) {
        {
            const plugin::call_marker mark(context_.marker, plan_.instance->number());
            call();
        }
        if (resumed_ && paused_ && owner_) owner_->handshake_resumed();
    }
    std::uint32_t waker = UINT32_MAX;  // Its place in the worker's table.

private:
    friend struct session_calls;
    session(session_context& in, const transport_plan& plan, int socket, const facts& about,
            session_owner& owner);
    static session& of(pk_conn* c) noexcept { return *static_cast<session*>(c); }
    io_result result(pk_io answer, std::uint64_t n) noexcept;

    session_context& context_;
    const transport_plan& plan_;
    const facts about_;
    session_owner* owner_;
    std::unique_ptr<std::byte[]> state_;
    bool opened_ = false;
    bool failed_ = false;
    bool paused_ = false;
    bool resumed_ = false;
    bool more_ = false;  // Inside the transport's write.
    bool drained_ = false;
    std::uint32_t plaintext_ = 0;
    std::uint32_t cause_ = PK_END_PROTOCOL;
    std::string_view protocol_;
    std::string failure_;
};

}  // namespace pkernel::net
