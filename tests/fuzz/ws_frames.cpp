// Frames of WebSocket: however the bytes are cut, the verdict is the same, and what goes on ends
// where the frames do.

#include "frames.hpp"

#include <vector>

#include "fuzz_check.hpp"

using websocket::frame_follower;
using websocket::sender;
using stop = frame_follower::stop;

namespace {

struct verdict {
    std::size_t used = 0;
    stop why = stop::none;
    bool boundary = true;
};

// In pieces of `size` bytes; 0: at once.
verdict follow(std::string_view bytes, sender from, std::uint64_t most, std::size_t size) {
    frame_follower f(from, most);
    verdict v;
    while (v.used < bytes.size() && v.why == stop::none) {
        const auto piece = bytes.substr(v.used, size ? size : bytes.size());
        const auto step = f.follow(piece, false);
        FUZZ_CHECK(step.used <= piece.size());
        FUZZ_CHECK(step.why != stop::none || step.used == piece.size());
        v.used += step.used;
        v.why = step.why;
    }
    v.boundary = f.at_boundary();
    return v;
}

// Asked to stop at each boundary, it takes the same bytes, frame by frame.
void stops_at_each_boundary(std::string_view bytes, sender from, std::uint64_t most,
                            const verdict& whole) {
    frame_follower f(from, most);
    std::size_t used = 0;
    stop why = stop::none;
    while (used < bytes.size() && why == stop::none) {
        const auto first = f.follow(bytes.substr(used, 1), false);  // Leaves the boundary.
        used += first.used;
        why = first.why;
        if (why != stop::none || used == bytes.size()) break;
        const auto rest = f.follow(bytes.substr(used), true);
        used += rest.used;
        FUZZ_CHECK(rest.why != stop::boundary || f.at_boundary());
        if (rest.why != stop::boundary) why = rest.why;
        if (rest.why == stop::none) break;
    }
    FUZZ_CHECK(why == whole.why);
    FUZZ_CHECK(why != stop::none || used == bytes.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    if (size < 2) return 0;
    const auto from = data[0] & 1 ? sender::client : sender::origin;
    const std::uint64_t most = data[0] & 2 ? data[1] * 16u : 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
    const verdict whole = follow(bytes, from, most, 0);
    for (const std::size_t piece : {1u, 2u, 3u, 7u}) {
        const verdict cut = follow(bytes, from, most, piece);
        FUZZ_CHECK(cut.why == whole.why);
        FUZZ_CHECK(cut.boundary == whole.boundary);
        // A frame that is refused keeps back what had not gone on before it was.
        FUZZ_CHECK(cut.used >= whole.used);
        FUZZ_CHECK(whole.why != stop::none || cut.used == whole.used);
    }
    stops_at_each_boundary(bytes, from, most, whole);
    return 0;
}
