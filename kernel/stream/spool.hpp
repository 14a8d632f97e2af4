// The bytes of a body in order, kept so that they can be had again from the first one on: in memory
// up to a bound; past it all of them go to a file, as fast as the disk takes them.
//
// One of a body; its worker's thread. Blocks are on the account given to begin. Bytes come by
// take() and go by next(), which follow each other freely: what comes while the body is read again
// is read behind it.

#pragma once

#include <cstdint>
#include <memory>

#include "kernel/base/scratch.hpp"
#include "kernel/base/slice_queue.hpp"
#include "kernel/stream/spill_file.hpp"

namespace pkernel::stream {

class spool {
public:
    // Room that must stay on the account for what else the connection does.
    static constexpr std::size_t spare = 64 * 1024;
    // Shorter pieces are copied together: a byte must not keep a block alive.
    static constexpr std::size_t share_min = 4096;
    // What next() gives at once of what memory holds.
    static constexpr std::size_t step = 64 * 1024;

    struct bounds {
        std::size_t memory_max = 0;           // Bytes at once.
        std::uint64_t bytes_max = 0;          // In all; no more than memory_max: no file.
        const config::spill* conf = nullptr;  // Needed for a file.
    };
    // Where the body is, or why it is not kept.
    enum class place : std::uint8_t { nowhere, memory, file, too_long, no_memory, no_disk };

    // `moved` is called when bytes have gone to the file or have come from it, or it has failed. It
    // may destroy this.
    spool(context& c, spill_op::callback moved, void* owner) noexcept;

    void begin(const bounds& b, base::block_account* account) noexcept;
    // The next bytes of the body. Past the bounds, or when the disk fails, all is let go.
    void take(const base::slice& data);
    // All that was taken is here.
    bool whole() const noexcept { return !lost_; }
    // Of the body that was taken last, also after it was let go.
    place where() const noexcept { return place_; }
    std::uint64_t bytes() const noexcept { return file_bytes_ + kept_.bytes(); }
    // What stands in memory because it has to wait for the disk; and while the body is read again,
    // so much that its source waits until it has been.
    std::size_t backlog() const noexcept;
    // All of it is in the file, if any of it is.
    bool settled() const noexcept { return !writer_.running() && (lost_ || kept_.empty()); }

    // Reads all of it again. Requires whole().
    void rewind() noexcept;
    // Something is yet to be read.
    bool behind() const noexcept { return reading_; }
    // Moves more of it to `to`. Requires behind(). False: it comes from the file, and `moved` will
    // be called; or it is broken().
    bool next(base::slice_queue& to);
    // The file cannot be read: what is behind has gone.
    bool broken() const noexcept { return broken_; }
    // A second reader of what `other` holds, which must be settled, with a memory_max of 0, and
    // take nothing more.
    void begin_reading(const spool& other, base::block_account* account) noexcept;

    // Nothing will be read from the first byte on any more; what is being read still is.
    void lose() noexcept {
        lost_ = true;
        if (begun_ && !reading_) drop();
    }
    // All of it goes, now.
    void clear() noexcept {
        reading_ = false;
        lose();
    }
    // And nothing is said of it.
    void reset() noexcept {
        clear();
        place_ = place::nowhere;
        lost_ = broken_ = false;
    }

private:
    void fail(place why) noexcept;
    void keep(const base::slice& data);
    void write_on();
    void written();
    void drop() noexcept;
    void caught_up() noexcept;
    bool crowded(std::size_t more) const noexcept;

    context& context_;
    const spill_op::callback moved_;
    void* const owner_;
    bounds bounds_;
    base::block_account* account_ = nullptr;
    base::slice_queue kept_;  // Behind what the file holds.
    base::scratch scratch_;
    std::shared_ptr<spill_file> file_;
    std::uint64_t file_bytes_ = 0;
    std::size_t writing_ = 0;
    std::uint64_t cursor_ = 0;  // Of the reader.
    spill_op writer_, reader_;
    place place_ = place::nowhere;
    bool begun_ = false;  // There may be something to let go.
    bool lost_ = false;
    bool reading_ = false;
    bool broken_ = false;
};

}  // namespace pkernel::stream
