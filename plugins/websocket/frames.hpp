// Follows the frames of one direction of a WebSocket (RFC 6455 5.2), without keeping them.
//
// Pure: bytes in, a verdict out; the state is a few words. Payloads are skipped, not looked at, and
// so is what the reserved bits mean, which is an extension's business.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace websocket {

enum class sender : std::uint8_t { client, origin };

class frame_follower {
public:
    // `message_max`: bytes of payload of one message, all its frames together; 0: no limit.
    frame_follower() noexcept : frame_follower(sender::client) {}
    explicit frame_follower(sender from, std::uint64_t message_max = 0) noexcept
        : from_(from), message_max_(message_max) {}

    enum class stop : std::uint8_t {
        none,      // All bytes were followed.
        boundary,  // Between two frames, as asked.
        too_large,
        broken  // No frame of RFC 6455, or one that may not stand here.
    };
    struct step {
        std::size_t used;  // Bytes that may go on.
        stop why;
        // After too_large and broken: whether what has gone on so far ends with a whole frame.
        bool clean;
    };
    // With `to_boundary` it stops as soon as it stands between two frames, which may be at once.
    // After too_large or broken it is not to be called again.
    step follow(std::string_view bytes, bool to_boundary) noexcept;

    bool at_boundary() const noexcept { return head_size_ == 0 && left_ == 0; }
    // A close frame has begun: the sender will say nothing after it.
    bool closing() const noexcept { return closing_; }

private:
    bool head_complete() const noexcept;
    stop begin_frame() noexcept;

    sender from_;
    bool in_message_ = false;
    bool closing_ = false;
    std::uint8_t head_size_ = 0;  // Of the frame's head, so far.
    unsigned char head_[14] = {};
    std::uint64_t left_ = 0;  // Of the frame's payload.
    std::uint64_t message_ = 0;
    std::uint64_t message_max_;
};

// A close frame with that code (RFC 6455 7.4), as that sender says it.
std::string close_frame(sender from, std::uint16_t code);
// A ping without payload, of an origin.
inline constexpr std::string_view empty_ping("\x89\x00", 2);

}  // namespace websocket
