// What every thread of the engine is running, in memory that outlives it.
//
// The master maps the board before it forks; the engine writes, and after its death the master
// reads whom to blame. A line has one writer, its thread, and is a cache line that nobody else
// touches, so a mark may stand around every call of a plugin.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pkernel::base {

class crash_board {
public:
    static constexpr std::uint32_t lines_max =
        1027;  // 0: the control thread, 1 + n: worker n, then others.
    static constexpr std::uint32_t labels_max = 4096;    // Number 0 is the kernel itself.
    static constexpr std::size_t label_bytes_max = 120;  // Longer ones are cut.

    // Written by its thread with plain stores; what they mark is opaque to the compiler, so they
    // are in memory when it runs. Begins like the plugin layer's marker_slot: an array of lines is
    // one.
    struct alignas(64) line {
        std::uint32_t running;  // Number of the instance that the thread is inside; 0: none.
        std::uint32_t signal;   // Of the crash that this thread caught; 0: none.
    };

    // Maps a zeroed board that children inherit. Throws std::bad_alloc.
    crash_board();
    ~crash_board();
    crash_board(const crash_board&) = delete;
    crash_board& operator=(const crash_board&) = delete;

    // Of lines_max in a row. Requires index < lines_max. Lives as long as the board.
    line& line_of(std::uint32_t index) noexcept;

    // [control] Names an instance ("forwarded on route 'api'"). Numbers past the table are let
    // through unnamed. To be named before the number is first marked.
    void name_instance(std::uint32_t number, std::string_view label) noexcept;

    // [control] Forgets all marks and names: before each fork.
    void clear() noexcept;

    // "forwarded on route 'api'" for each thread that was inside a plugin, joined by
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

}  // namespace pkernel::base
