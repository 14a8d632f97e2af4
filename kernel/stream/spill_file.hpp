// A file without a name for what of a body does not fit into memory, and what is done with it.
//
// Workers never touch it: each open, write, read and close is a job of the offload pool, on bytes
// that stay as they are meanwhile. So a slow disk holds up only those whose bytes it is to keep.
// The file is readable by the engine's user alone, has no name from its first moment on (O_TMPFILE;
// where the file system has none, it is unlinked at once), and goes with the last that holds it,
// also when the engine is killed.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "kernel/base/slice_queue.hpp"
#include "kernel/config/model.hpp"
#include "kernel/net/timer.hpp"

namespace pkernel::stream {

struct context;

// What all spill files of the engine hold together. [any]
using spill_use = std::atomic<std::uint64_t>;

// One worker's; shared by those of its streams and jobs that use it.
class spill_file {
public:
    // Nothing happens before the first write. `conf` is copied.
    spill_file(context& c, const config::spill& conf) : context_(c), conf_(conf) {}
    spill_file(const spill_file&) = delete;
    spill_file& operator=(const spill_file&) = delete;
    ~spill_file();

    // Counts `bytes` more of it. False: the engine holds as much as it may.
    bool reserve(std::uint64_t bytes) noexcept;

private:
    friend class spill_op;
    context& context_;
    const config::spill conf_;
    int fd_ = -1;  // Opened by the first write, before which no other job is under way.
    std::uint64_t reserved_ = 0;
};

// One read or write at a time of a spill file, for whoever owns this. When the owner goes first,
// what is under way ends by itself and tells nobody. The worker's thread only.
class spill_op {
public:
    using callback = void (*)(void* owner);
    // Of one write.
    static constexpr std::size_t bytes_max = 128 * 1024;
    static constexpr std::size_t pieces_max = 16;
    // A disk that takes longer has failed: ETIMEDOUT.
    static constexpr net::nanoseconds patience = std::chrono::seconds(30);

    // `done` is called when what was begun has ended; it may destroy this.
    spill_op(context& c, callback done, void* owner) noexcept;
    ~spill_op() { forget(); }
    spill_op(const spill_op&) = delete;
    spill_op& operator=(const spill_op&) = delete;

    // How many of its first bytes the next write takes: whole slices, one at least.
    static std::size_t size_of_write(const base::slice_queue& from) noexcept;
    // Requires !running(). Begins to write them at `offset`; they stay alive until it has ended,
    // whatever becomes of this. Requires that each is in a block of the kernel's own, which nobody
    // changes or takes back. False: it could not begin, `done` is not called.
    bool write(const std::shared_ptr<spill_file>& to, std::uint64_t offset,
               const base::slice_queue& from);
    // The same for at most `bytes` of what was written there, to be had by take(): as many as a
    // block holds, a small one where `whose` account has no room for a large one.
    bool read(const std::shared_ptr<spill_file>& from, std::uint64_t offset, std::uint64_t bytes,
              base::block_account* whose);

    bool running() const noexcept { return job_ != nullptr; }
    // Of what ended last: 0, or an errno.
    int error() const noexcept { return error_; }
    // What was read, once.
    base::slice take() noexcept { return std::exchange(read_, base::slice()); }
    // Whatever is under way or was read is nobody's business any more.
    void forget() noexcept;

private:
    struct job;
    bool begin(std::unique_ptr<job> made);
    void settle(job& done);
    void give_up();

    context& context_;
    const callback done_;
    void* const owner_;
    job* job_ = nullptr;
    int error_ = 0;
    base::slice read_;
    net::timer patience_;
};

}  // namespace pkernel::stream
