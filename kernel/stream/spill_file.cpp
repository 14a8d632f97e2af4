#include "kernel/stream/spill_file.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>

#include "kernel/base/log.hpp"
#include "kernel/stream/context.hpp"
#include "kernel/stream/offload_pool.hpp"

namespace pkernel::stream {

namespace {

base::repeat_limit disk_line, full_line;

// [pool] A file of that directory that has no name. -1: errno says why.
int open_nameless(const std::string& directory) noexcept {
    const int fd =
        ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, S_IRUSR | S_IWUSR);
    // These say that the file system or the kernel knows no such thing.
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return fd;
    std::string name = directory + "/.pkernel-XXXXXX";
    const int named = ::mkostemp(name.data(), O_CLOEXEC);  // Mode 0600.
    if (named >= 0) ::unlink(name.c_str());
    return named;
}

struct closing {
    int fd;
};

}  // namespace

// To let go of a large file may take its time, too.
spill_file::~spill_file() {
    if (context_.spilled) context_.spilled->fetch_sub(reserved_, std::memory_order_relaxed);
    if (fd_ < 0) return;
    const auto run = [](void* arg) { ::close(static_cast<closing*>(arg)->fd); };
    const auto drop = [](void* arg) { delete static_cast<closing*>(arg); };
    auto* const c = new closing{fd_};
    const auto done = [](pk_stream*, void* arg) { delete static_cast<closing*>(arg); };
    if (context_.offload &&
        context_.offload->submit_own({sizeof(pk_job), 0, c, run, done, drop}) == PK_OK)
        return;
    run(c);
    drop(c);
}

bool spill_file::reserve(std::uint64_t bytes) noexcept {
    if (!context_.spilled) return false;
    const auto before = context_.spilled->fetch_add(bytes, std::memory_order_relaxed);
    if (before + bytes > conf_.total) {
        context_.spilled->fetch_sub(bytes, std::memory_order_relaxed);
        base::log(base::log_level::warning,
                  "spill: all of spill.total (" + std::to_string(conf_.total) +
                      " bytes) is in use: a body is not kept",
                  full_line);
        return false;
    }
    reserved_ += bytes;
    return true;
}

// What run touches is the file's descriptor and the bytes; blocks are counted by the worker alone.
struct spill_op::job {
    spill_op* owner = nullptr;  // Null: nobody waits.
    std::shared_ptr<spill_file> file;
    base::slice pieces[pieces_max];  // What is written, or the place for what is read.
    iovec bytes[pieces_max];
    int count = 0;
    std::uint64_t offset = 0;
    bool writes = false;
    int error = 0;

    void add(base::slice s) noexcept {
        bytes[count] = {const_cast<char*>(s.data()), s.size()};
        pieces[count++] = std::move(s);
    }
    void run() noexcept {
        int& fd = file->fd_;
        if (writes && fd < 0) fd = open_nameless(file->conf_.directory);
        error = writes && fd < 0 ? errno : move(fd);
    }
    // All of it, or an errno.
    int move(int fd) noexcept {
        for (iovec* at = bytes; at != bytes + count;) {
            const int left = static_cast<int>(bytes + count - at);
            auto n = writes ? ::pwritev(fd, at, left, static_cast<off_t>(offset))
                            : ::preadv(fd, at, left, static_cast<off_t>(offset));
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) return errno;
            if (n == 0) return EIO;  // Shorter than what was written.
            offset += static_cast<std::uint64_t>(n);
            for (; at != bytes + count && n >= static_cast<ssize_t>(at->iov_len); ++at)
                n -= static_cast<ssize_t>(at->iov_len);
            if (at == bytes + count) break;
            at->iov_base = static_cast<char*>(at->iov_base) + n;
            at->iov_len -= static_cast<std::size_t>(n);
        }
        return 0;
    }
    static void end(void* arg) {
        const std::unique_ptr<job> done(static_cast<job*>(arg));
        if (done->owner) done->owner->settle(*done);
    }
};

spill_op::spill_op(context& c, callback done, void* owner) noexcept
    : context_(c),
      done_(done),
      owner_(owner),
      patience_([](void* self) { static_cast<spill_op*>(self)->give_up(); }, this) {}

std::size_t spill_op::size_of_write(const base::slice_queue& from) noexcept {
    std::size_t size = 0, pieces = 0;
    for (const base::slice* s = from.begin(); s != from.begin() + from.count(); ++s) {
        if (pieces++ == pieces_max || (size > 0 && size + s->size() > bytes_max)) break;
        size += s->size();
    }
    return size;
}

bool spill_op::write(const std::shared_ptr<spill_file>& to, std::uint64_t offset,
                     const base::slice_queue& from) {
    auto made = std::make_unique<job>();
    made->file = to;
    made->offset = offset;
    made->writes = true;
    auto left = size_of_write(from);
    for (const base::slice* s = from.begin(); left > 0; left -= s->size(), ++s) made->add(*s);
    return begin(std::move(made));
}

bool spill_op::read(const std::shared_ptr<spill_file>& from, std::uint64_t offset,
                    std::uint64_t bytes, base::block_account* whose) {
    auto& blocks = context_.blocks;
    const bool roomy = !whose || whose->has_room(base::block_pool::large_size);
    const auto place =
        base::block_ref::adopt(roomy ? blocks.take_large(whose) : blocks.take_small(whose));
    auto made = std::make_unique<job>();
    made->file = from;
    made->offset = offset;
    made->add(
        base::slice(place->data(), std::min<std::uint64_t>(bytes, place->capacity), place.get()));
    return begin(std::move(made));
}

bool spill_op::begin(std::unique_ptr<job> made) {
    error_ = 0;
    read_ = base::slice();
    made->owner = this;
    const pk_job abi{sizeof(pk_job),
                     0,
                     made.get(),
                     [](void* arg) { static_cast<job*>(arg)->run(); },
                     [](pk_stream*, void* arg) { job::end(arg); },
                     [](void* arg) { job::end(arg); }};
    if (!context_.offload || context_.offload->submit_own(abi) != PK_OK) {
        error_ = EAGAIN;
        base::log(base::log_level::warning,
                  "spill: too much waits for the disk: a body is not kept", disk_line);
        return false;
    }
    job_ = made.release();
    patience_.arm(context_.loop.timers(), context_.loop.now() + patience);
    return true;
}

void spill_op::settle(job& done) {
    job_ = nullptr;
    patience_.cancel();
    error_ = done.error;
    if (error_ != 0)
        base::log(base::log_level::warning,
                  std::string("spill: ") +
                      (done.writes ? "cannot write to " : "cannot read from ") +
                      done.file->conf_.directory + ": " + std::system_category().message(error_) +
                      ": a body is not kept",
                  disk_line);
    else if (!done.writes)
        read_ = std::move(done.pieces[0]);
    done_(owner_);
}

void spill_op::give_up() {
    const auto& directory = job_->file->conf_.directory;
    base::log(base::log_level::warning, "spill: " + directory + " is too slow: a body is not kept",
              disk_line);
    forget();
    error_ = ETIMEDOUT;
    done_(owner_);
}

void spill_op::forget() noexcept {
    patience_.cancel();
    if (job_) std::exchange(job_, nullptr)->owner = nullptr;
    read_ = base::slice();
}

}  // namespace pkernel::stream
