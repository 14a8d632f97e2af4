// The buffers of one worker, lent to whichever connection is inside a hook. So a connection that
// idles owns none.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace tls {

constexpr std::size_t record_max = 16 * 1024;             // Plaintext of one.
constexpr std::size_t sealed_max = record_max + 5 + 256;  // The same, sealed.

struct records {
    static constexpr std::size_t batch = 4;  // Records that leave in one call.

    // What was received and not yet opened.
    char in[64 * 1024];
    std::size_t in_at = 0, in_end = 0;
    // What was sealed and not yet sent.
    char out[batch * sealed_max];
    std::size_t out_size = 0;
    // Small slices on their way into one record.
    char gathered[record_max];
    // Values of variables, for as long as the callback that asked.
    static constexpr std::size_t values = 6;
    std::string texts[values];
    std::uint32_t worker = 0;

    // Of the calling thread, between worker_init and worker_exit of any instance.
    static records& mine() noexcept { return *here_; }
    static void enter(std::uint32_t worker);
    static void leave() noexcept;

private:
    // Not objects: a destructor of a thread would keep the file mapped.
    static thread_local records* here_;
    static thread_local std::uint32_t users_;
};

}  // namespace tls
