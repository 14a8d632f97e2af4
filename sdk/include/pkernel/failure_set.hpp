// Failures of attempts as a config names them: connect_error, reset, timeout, bad_response, and
// statuses from 400.

#pragma once

#include <pkernel/abi/attempt.h>

#include <bitset>
#include <charconv>
#include <cstdint>
#include <string_view>

namespace pk {

class failure_set {
public:
    static constexpr std::uint32_t status_first = 400, status_last = 599;
    static constexpr std::string_view words = "connect_error, reset, timeout, bad_response";

    // False: it is none of the words, and no such status.
    bool add(std::string_view word) noexcept {
        const std::uint32_t named = failures_of(word);
        failures_ |= named;
        return named != 0 || add_status(word);
    }

    bool has(const pk_attempt_facts& f) const noexcept {
        if (f.status != 0 && has_status(f.status)) return true;
        return f.failure < 32 && (failures_ >> f.failure & 1) != 0;
    }
    bool has_status(std::uint32_t status) const noexcept {
        return status >= status_first && status <= status_last && statuses_[status - status_first];
    }

private:
    // Bits 1 << PK_FAIL_...
    static constexpr std::uint32_t failures_of(std::string_view word) noexcept {
        if (word == "connect_error")
            return 1u << PK_FAIL_REFUSED | 1u << PK_FAIL_UNREACHABLE |
                   1u << PK_FAIL_CONNECT_TIMEOUT | 1u << PK_FAIL_TRANSPORT;
        if (word == "reset") return 1u << PK_FAIL_RESET;
        if (word == "timeout") return 1u << PK_FAIL_HEAD_TIMEOUT | 1u << PK_FAIL_SEND_TIMEOUT;
        return word == "bad_response" ? 1u << PK_FAIL_PROTOCOL : 0;
    }
    bool add_status(std::string_view word) noexcept {
        std::uint32_t status = 0;
        const char* end = word.data() + word.size();
        const auto read = std::from_chars(word.data(), end, status);
        if (read.ec != std::errc() || read.ptr != end || status < status_first ||
            status > status_last)
            return false;
        statuses_.set(status - status_first);
        return true;
    }

    std::uint32_t failures_ = 0;
    std::bitset<status_last - status_first + 1> statuses_;
};

}  // namespace pk
