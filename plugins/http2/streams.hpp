// The streams of a connection. One lives until nghttp2 and the kernel have both let go of it: the
// kernel may be done with a stream whose last frame still waits for room in the output, and a peer
// may have reset one that the kernel is yet to close.

#pragma once

#include <nghttp2/nghttp2.h>
#include <pkernel/codec.hpp>

#include <memory>
#include <vector>

#include "fields.hpp"

namespace http2 {

struct stream {
    pk::codec_stream kernel;  // None: the kernel has let go.
    std::int32_t id = 0;
    std::uint32_t place = 0;  // Among the table's.
    bool open = true;         // nghttp2 has it.
    bool is_head = false;     // The request was a HEAD.
    bool request_ended = false;
    bool over = false;       // For the kernel: it has reset it, or was told of its end.
    bool blameless = false;  // It ends early, and not by the client's fault.
    bool reset_by_peer = false;
    bool reset_at_end = false;  // RST_STREAM(NO_ERROR) once END_STREAM has gone.
    bool ended = false;         // The kernel has said: no more body after what waits.
    bool end_sent = false;
    bool deferred = false;    // nghttp2 waits for body.
    std::uint64_t waits = 0;  // Body bytes that the kernel holds for it.
    std::unique_ptr<kept_fields> trailers;
};

class stream_table {
public:
    stream& add(std::int32_t id, pk::codec_stream kernel) {
        auto made = spare_.empty() ? std::make_unique<stream>() : std::move(spare_.back());
        if (!spare_.empty()) spare_.pop_back();
        made->id = id;
        made->kernel = kernel;
        made->place = static_cast<std::uint32_t>(all_.size());
        return *all_.emplace_back(std::move(made));
    }

    // If both have let go.
    void release(stream& s) {
        if (s.open || s.kernel) return;
        auto gone = std::move(all_[s.place]);
        if (gone->place + 1 < all_.size()) {
            all_[gone->place] = std::move(all_.back());
            all_[gone->place]->place = gone->place;
        }
        all_.pop_back();
        if (spare_.size() >= spare_max) return;
        *gone = stream{};
        spare_.push_back(std::move(gone));
    }

    std::size_t size() const noexcept { return all_.size(); }
    auto begin() const noexcept { return all_.begin(); }
    auto end() const noexcept { return all_.end(); }

private:
    static constexpr std::size_t spare_max = 4;

    std::vector<std::unique_ptr<stream>> all_;
    std::vector<std::unique_ptr<stream>> spare_;
};

}  // namespace http2
