#include "frames.hpp"

#include <algorithm>

namespace websocket {

namespace {

constexpr unsigned char fin_bit = 0x80, mask_bit = 0x80;
constexpr unsigned opcode_continuation = 0, opcode_binary = 2, opcode_close = 8, opcode_pong = 10;

// Bytes of an extended length, by the seven bits.
constexpr std::size_t length_size(unsigned seven) noexcept {
    return seven < 126 ? 0 : seven == 126 ? 2 : 8;
}

}  // namespace

bool frame_follower::head_complete() const noexcept {
    if (head_size_ < 2) return false;
    const std::size_t mask = head_[1] & mask_bit ? 4 : 0;
    return head_size_ == 2 + length_size(head_[1] & 0x7fu) + mask;
}

// The head is whole. What it announces is checked before any of it goes on.
frame_follower::stop frame_follower::begin_frame() noexcept {
    const bool fin = head_[0] & fin_bit, masked = head_[1] & mask_bit;
    const unsigned opcode = head_[0] & 0x0fu, seven = head_[1] & 0x7fu;
    const bool control = opcode >= opcode_close;
    if (masked != (from_ == sender::client) || closing_) return stop::broken;
    if (opcode > opcode_pong || (!control && opcode > opcode_binary)) return stop::broken;
    if (control && (!fin || seven > 125)) return stop::broken;
    std::uint64_t length = seven;
    if (const auto size = length_size(seven)) {
        length = 0;
        for (std::size_t i = 0; i < size; ++i) length = length << 8 | head_[2 + i];
        // The least number of bytes, and 63 bits.
        if (length < (size == 2 ? 126u : 65536u) || length >> 63) return stop::broken;
    }
    if (!control) {
        if ((opcode == opcode_continuation) != in_message_) return stop::broken;
        if (message_max_ && length > message_max_ - message_) return stop::too_large;
        message_ = fin ? 0 : message_ + length;
        in_message_ = !fin;
    } else if (opcode == opcode_close) {
        if (length == 1) return stop::broken;
        closing_ = true;
    }
    left_ = length;
    head_size_ = 0;
    return stop::none;
}

frame_follower::step frame_follower::follow(std::string_view bytes, bool to_boundary) noexcept {
    std::size_t at = 0;
    std::size_t frame = 0;  // Where the present frame begins, if it does so in `bytes`.
    bool here = false;
    while (at < bytes.size()) {
        if (at_boundary()) {
            if (to_boundary) return {at, stop::boundary, true};
            frame = at;
            here = true;
        }
        if (left_ > 0) {
            const auto n = std::min<std::uint64_t>(left_, bytes.size() - at);
            left_ -= n;
            at += static_cast<std::size_t>(n);
            continue;
        }
        head_[head_size_++] = static_cast<unsigned char>(bytes[at++]);
        if (!head_complete()) continue;
        const stop bad = begin_frame();
        if (bad != stop::none) return {here ? frame : 0, bad, here};
    }
    if (to_boundary && at_boundary()) return {at, stop::boundary, true};
    return {at, stop::none, true};
}

std::string close_frame(sender from, std::uint16_t code) {
    const char high = static_cast<char>(code >> 8), low = static_cast<char>(code & 0xff);
    std::string frame("\x88\x02", 2);
    // A mask hides a client's bytes from caches that do not know the protocol; ours are constant.
    if (from == sender::client) {
        frame[1] = static_cast<char>(0x82);
        frame.append(4, '\0');
    }
    return frame + high + low;
}

}  // namespace websocket
