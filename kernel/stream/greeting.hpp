// A fresh connection of a client, until it is known who goes on with it: the transport's handshake,
// then the choice of the codec.
//
// Only where a listener has a transport or several codecs; elsewhere http1_server begins at once.

#pragma once

#include "kernel/base/input_buffer.hpp"
#include "kernel/net/wire.hpp"
#include "kernel/stream/client_connection.hpp"
#include "kernel/stream/context.hpp"

namespace pkernel::stream {

class greeting final : public client_connection, private net::session_owner {
public:
    // A codec that needs more than this to know its own answers "not mine".
    static constexpr std::size_t probe_bytes_max = 24;

    greeting(context& c, connection_keeper& keeper, accepted_connection&& from);

    bool start() override;
    void drain(net::nanoseconds grace) override;
    void kill(base::end_reason why) override;

    void on_io(std::uint32_t events) override;

private:
    void shake_hands();
    void handshake_resumed() override { shake_hands(); }
    void handshake_failed();
    void choose();
    void probe();
    bool read_first_bytes();
    void go_on_with(const codec_plan& codec);
    void expire();
    void close();

    context& context_;
    connection_keeper& keeper_;
    accepted_connection from_;
    base::input_buffer first_;
    bool shaking_ = false;
    bool peer_ended_ = false;
    bool draining_ = false;
    net::nanoseconds grace_{};
    net::timer timer_;
};

// Who begins with a connection that was just accepted; start() it.
client_connection* greet(context& c, connection_keeper& keeper, accepted_connection&& from);

}  // namespace pkernel::stream
