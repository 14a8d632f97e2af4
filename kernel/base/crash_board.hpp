// What every thread of the engine is running, in memory that outlives it.
//
// The master maps the board before it forks; the engine writes, and after its death the master
// reads whom to blame. A line has one writer, its thread, and a mark is one plain store to a cache
// line that nobody else touches, so it may stand around every call of a plugin.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pkernel::base {

class crash_board {
public:
    static constexpr std::uint32_t lines_max = 128;      // 0 is the control thread, 1 + n worker n.
    static constexpr std::uint32_t labels_max = 4096;    // Number 0 is the kernel itself.
    static constexpr std::uint32_t hooks_max = 64;       // Number 0 is "no hook in particular".
    static constexpr std::size_t label_bytes_max = 120;  // Longer ones are cut.
    static constexpr std::size_t hook_bytes_max = 31;

    // A running instance in the low half, its hook in the high half; 0: the kernel's own code.
    using mark = std::uint64_t;
    static constexpr mark make_mark(std::uint32_t instance, std::uint32_t hook) noexcept {
        return std::uint64_t{hook} << 32 | instance;
    }

    struct alignas(64) line {
        std::atomic<mark> running;
        std::atomic<std::uint64_t> stream;  // Number of the stream being served; 0: none.
        std::atomic<std::uint32_t> signal;  // Of the crash that its thread caught; 0: none.
        std::uint32_t reserved[11];

        void run(mark m) noexcept { running.store(m, std::memory_order_relaxed); }
    };

    // Maps a zeroed board that children inherit. Throws std::bad_alloc.
    crash_board();
    ~crash_board();
    crash_board(const crash_board&) = delete;
    crash_board& operator=(const crash_board&) = delete;

    // Requires index < lines_max. Lives as long as the board.
    line& line_of(std::uint32_t index) noexcept;

    // [control] Names an instance ("forwarded on route 'api'") or a hook ("on_request"). Numbers past
    // the table are let through unnamed. To be named before the number is first marked.
    void name_instance(std::uint32_t number, std::string_view label) noexcept;
    void name_hook(std::uint32_t number, std::string_view label) noexcept;

    // [control] Forgets all marks and names: before each fork.
    void clear() noexcept;

    // "forwarded on route 'api' (on_request)" for each thread that was inside a plugin, joined by
    // ", "; only the thread that caught the crash when one did. Empty: only kernel code ran.
    // The board may be torn or overwritten by a wild store: every index and length is checked.
    std::string blame() const;
    // The signal that a thread caught, or 0.
    int crash_signal() const noexcept;

private:
    struct pages;

    std::string describe(const line& of) const;

    pages* const pages_;
};

// Marks `instance` as running on a line until the end of the scope; nests.
class running_mark {
public:
    running_mark(crash_board::line& on, crash_board::mark m) noexcept
        : line_(on), before_(on.running.load(std::memory_order_relaxed)) {
        line_.run(m);
    }
    ~running_mark() { line_.run(before_); }
    running_mark(const running_mark&) = delete;
    running_mark& operator=(const running_mark&) = delete;

private:
    crash_board::line& line_;
    const crash_board::mark before_;
};

}  // namespace pkernel::base
