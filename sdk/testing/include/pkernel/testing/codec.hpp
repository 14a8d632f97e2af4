// Drives a codec: one connection after the other, with the kernel's end of its streams in the
// test's hand. What breaks codec.h's contract is a violation.

#pragma once

#include <pkernel/abi/codec.h>
#include <pkernel/testing/exchange.hpp>
#include <pkernel/testing/plugin.hpp>

#include <cstddef>
#include <deque>
#include <memory>

namespace pk::testing {

class codec_under_test;

// One stream as the kernel has it.
class codec_exchange {
public:
    // What the codec handed over so far.
    std::string method, scheme, authority, target, upgrade, body;
    field_pairs fields, trailers;
    std::int64_t content_length = -1;
    std::uint32_t rejected = 0;  // Status that reject() asked for.
    bool ended = false;          // The request has.
    std::int64_t aborted = -1;   // PK_END_..., or -1.
    bool closed = false;         // stream_closed was called.

    std::string field(std::string_view name) const;  // All of the name, " | " between.

    // What the kernel does; each is followed by write, as a batch of its own.
    void respond(std::uint32_t status, const field_pairs& with = {}, std::string_view content = {},
                 bool ends = true);
    void informational(std::uint32_t status, const field_pairs& with = {});
    void send(std::string_view content);
    void finish(const field_pairs& with = {});
    void reset(std::uint32_t cause);
    // Gives back room for body that was read; of the connection too.
    void credit(std::uint64_t bytes);
    std::uint64_t waiting() const noexcept { return out_.size(); }

private:
    friend class codec_under_test;
    struct shell {
        pk_codec_stream raw;
        codec_exchange* self;
    };

    shell shell_{};
    codec_under_test* host_ = nullptr;
    std::unique_ptr<std::max_align_t[]> state_;
    std::string out_;
    std::uint64_t credit_ = 0;
    bool responded_ = false, finished_ = false, over_ = false;
};

class codec_under_test {
public:
    explicit codec_under_test(std::string_view options = {}, const setup& with = {},
                              const std::string& file = PKERNEL_PLUGIN_UNDER_TEST);
    ~codec_under_test();

    // Before connect().
    pk_codec_limits limits{sizeof(pk_codec_limits),
                           100,
                           32 << 10,
                           16 << 10,
                           8 << 10,
                           100,
                           0,
                           10'000,
                           64 << 10,
                           1 << 20};

    std::uint32_t probe(std::string_view first);
    std::vector<std::string> protocols();

    // A new connection in place of the last one, which is closed.
    void connect();
    void disconnect();

    // Bytes of the peer, in one slice, and all that follows from them.
    void receive(std::string_view bytes);
    void receive_end();
    // What was written since; the output is then empty, and the codec goes on.
    std::string take();
    void drain();
    void close(std::uint32_t cause);
    void advance(std::chrono::nanoseconds by);

    std::size_t count() const noexcept { return streams_.size(); }
    codec_exchange& stream(std::size_t i) { return streams_.at(i); }

    // Bytes that the output takes; more is refused.
    std::uint64_t room = 64 << 10;
    // What stream() answers.
    pk_status answer = PK_OK;
    // Of the connection: what the codec asked for.
    std::int64_t closing = -1;
    std::string closing_text;
    std::uint64_t glitches = 0;
    std::uint64_t malformed = 0;  // Heads that it had told of as such.
    std::uint64_t output_waits() const noexcept { return output_.size(); }

    fake_host& host() noexcept { return instance_.host(); }
    std::vector<std::string> violations() { return instance_.host().take_violations(); }
    static std::uint64_t allocations() { return std::exchange(here().allocations, 0); }

private:
    friend class codec_exchange;
    struct shell {
        pk_codec_conn raw;
        codec_under_test* self;
    };
    struct api;  // codec.cpp

    template <class F>
    void hook(F f);
    void settle();
    void close_streams();
    pk_status add(const pk_codec_head& head, pk_codec_stream** s, std::uint32_t rejected);
    void complain(const std::string& what) { instance_.host().complain("plugin", what); }

    instance_under_test instance_;
    const pk_codec* table_;
    shell shell_{};
    std::unique_ptr<std::max_align_t[]> state_;
    bool open_ = false;
    std::deque<codec_exchange> streams_;
    std::string output_;
    std::string_view offered_;  // The slice that is being received.
    std::uint64_t timer_due_ = 0;
};

}  // namespace pk::testing
