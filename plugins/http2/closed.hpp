// What a peer may still send on streams that are over (RFC 9113 5.1).
//
// On one that we have reset its frames may have been on their way: they are skipped. On one that it
// has ended itself nothing may follow. Both are remembered for the last few only; of a stream that
// was forgotten nothing is held against the peer.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace http2 {

template <std::size_t N>
class last_ids {
public:
    void add(std::int32_t id) noexcept { all_[count_++ % N] = id; }
    bool has(std::int32_t id) const noexcept {
        return std::find(all_.begin(), all_.end(), id) != all_.end();
    }
    bool forgot_some() const noexcept { return count_ > N; }

private:
    std::array<std::int32_t, N> all_{};  // 0 is no stream of a request.
    std::size_t count_ = 0;
};

class closed_streams {
public:
    void opened(std::int32_t id) noexcept { highest_ = std::max(highest_, id); }
    void reset_by_us(std::int32_t id) noexcept { ours_.add(id); }
    void ended_by_peer(std::int32_t id) noexcept {
        if (!ours_.has(id)) theirs_.add(id);
    }

    // Of a stream that is not open: what is a frame on it?
    enum class verdict : std::uint8_t { fine, stream_closed, never_opened };
    verdict data_on(std::int32_t id) const noexcept {
        return theirs_.has(id) ? verdict::stream_closed : verdict::fine;
    }
    verdict head_on(std::int32_t id) const noexcept {
        if (id > highest_ || ours_.has(id)) return verdict::fine;
        if (theirs_.has(id)) return verdict::stream_closed;
        const bool sure = !ours_.forgot_some() && !theirs_.forgot_some();
        return sure ? verdict::never_opened : verdict::fine;
    }

private:
    std::int32_t highest_ = 0;
    last_ids<32> ours_;
    last_ids<16> theirs_;
};

}  // namespace http2
