// How a stream ended: every limit and timer has a name, which is the log's end_reason, the error
// page's cause, the docs' anchor and the test's id (behaviour L8).

#pragma once

#include <cstdint>

namespace pkernel::base {

// `word` is static text.
struct end_reason {
    static constexpr char complete[] = "complete";

    std::uint32_t cause = 0;  // PK_END_...
    const char* word = complete;

    // Nothing has gone wrong so far.
    bool is_complete() const noexcept { return word == complete; }
};

}  // namespace pkernel::base
