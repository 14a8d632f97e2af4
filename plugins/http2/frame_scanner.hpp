// Where the frames of a connection begin, in bytes that come in any pieces.
//
// nghttp2 skips frames of unknown types, and data on streams that are over, without a word: but
// they are work, too, and are counted here before it sees them.

#pragma once

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

namespace http2 {

class frame_scanner {
public:
    struct piece {
        std::size_t bytes;    // Of the front, of one frame; at least 1 of what is not empty.
        bool begins = false;  // `frame` and `depends_on` are known with it.
    };

    // The next piece of `in`. All of it is to be read before the next call.
    piece next(std::string_view in) noexcept {
        if (left_ > 0) {
            const std::size_t n = std::min(left_, in.size());
            left_ -= n;
            return {n};
        }
        std::size_t used = 0;
        while (have_ < wanted()) {
            if (used == in.size()) return {used};
            head_[have_++] = static_cast<std::uint8_t>(in[used++]);
        }
        read();
        have_ = 0;
        const std::size_t more = std::min(left_, in.size() - used);
        left_ -= more;
        return {used + more, true};
    }

    const nghttp2_frame_hd& frame() const noexcept { return frame_; }
    // The stream that a PRIORITY or a PRIORITY_UPDATE frame of a legal size names; else 0.
    std::int32_t depends_on() const noexcept { return depends_on_; }

private:
    static constexpr std::size_t preface = 24, head = 9, dependency = 4;

    std::uint32_t word(std::size_t at, std::size_t n) const noexcept {
        std::uint32_t out = 0;
        for (std::size_t i = 0; i < n; ++i) out = out << 8 | head_[at + i];
        return out;
    }
    bool is_priority() const noexcept {
        return (head_[3] == NGHTTP2_PRIORITY && word(0, 3) == 5) ||
               (head_[3] == NGHTTP2_PRIORITY_UPDATE && word(0, 3) >= dependency);
    }
    std::size_t wanted() const noexcept {
        return have_ >= head && is_priority() ? head + dependency : head;
    }
    static std::int32_t id(std::uint32_t of) noexcept {
        return static_cast<std::int32_t>(of & 0x7fffffff);
    }
    void read() noexcept {
        frame_ = {word(0, 3), id(word(5, 4)), head_[3], head_[4], 0};
        depends_on_ = is_priority() ? id(word(head, dependency)) : 0;
        left_ = frame_.length - (have_ - head);
    }

    std::array<std::uint8_t, head + dependency> head_{};
    std::size_t have_ = 0;
    std::size_t left_ = preface;
    nghttp2_frame_hd frame_{};
    std::int32_t depends_on_ = 0;
};

}  // namespace http2
