// A fuzz input as a script of what clients and the origin do, and how what they received is judged.
//
// A step is a byte of which the low bits say what, the high ones how much or which; text of the
// input itself is sent by length.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "worker_rig.hpp"

namespace pkernel::fuzz {

// What is left of the input.
struct reader {
    std::string_view rest;

    bool empty() const noexcept { return rest.empty(); }
    std::uint8_t byte() noexcept {
        if (rest.empty()) return 0;
        const auto b = static_cast<std::uint8_t>(rest[0]);
        rest.remove_prefix(1);
        return b;
    }
    std::string_view text(std::size_t size) noexcept {
        const auto out = rest.substr(0, size);
        rest.remove_prefix(out.size());
        return out;
    }
};

// Whole or half messages that a script can send by number.
std::span<const std::string_view> client_pieces();
std::span<const std::string_view> origin_pieces();

// One step; false when the input is at its end. At most so many connections in a run.
bool step(worker_rig& rig, reader& in);

// What must hold whatever was played: each origin got requests in normal form and no more of them
// than the clients sent, replays counted; each client got responses that can be read one after the
// other, and no more of them than it asked for.
void judge(const worker_rig& rig);

}  // namespace pkernel::fuzz
