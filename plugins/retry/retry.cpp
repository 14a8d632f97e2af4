// retry: which failures of an attempt merit another one, how many, and within what time.
//
// It only says what it wishes. That a request which may have been processed is not repeated unless
// it is idempotent, that a body must still be there, and the upstream's retry budget are the
// kernel's business, and hold whatever is written here. A request has no state: the kernel's facts
// say it all.

#include <pkernel/failure_set.hpp>
#include <pkernel/plugin.hpp>

#include <algorithm>
#include <string>

namespace {

using std::chrono::nanoseconds;
using namespace std::chrono_literals;

constexpr nanoseconds delay_max = 2s, doubled_max = 500ms;

struct settings {
    std::vector<std::string_view> on;
    std::uint32_t tries = 2;
    nanoseconds try_timeout{0};
    nanoseconds deadline{0};
    nanoseconds delay = 50ms;
    std::uint64_t body = 64 << 10;
    std::uint64_t spill = 0;
    bool non_idempotent = false;
};

constexpr auto schema = pk::schema<settings>(
    pk::list("on", &settings::on, pk::text(),
             "connect_error, reset, timeout, bad_response, or statuses from 400.")
        .not_empty()
        .default_text("[connect_error, reset]")
        .main(),
    pk::integer("tries", &settings::tries, "Attempts at most, the first one counted.")
        .at_least(1)
        .at_most(16),
    pk::duration("try_timeout", &settings::try_timeout,
                 "Of one attempt to its response head; 0s: the upstream's timeouts.")
        .at_least(0),
    pk::duration("deadline", &settings::deadline, "Of all attempts to the response head; 0s: none.")
        .at_least(0),
    pk::duration("delay", &settings::delay,
                 "Before the same endpoint is asked again; doubled each time up to 500ms.")
        .at_least(0)
        .at_most(delay_max),
    pk::byte_size("body", &settings::body,
                  "How long a request's body is kept in memory for another attempt.")
        .at_least(0)
        .at_most(128 << 10),
    pk::byte_size("spill", &settings::spill,
                  "How long it may be when what is more than body goes to a file; 0B: no file.")
        .at_least(0),
    pk::boolean("non_idempotent", &settings::non_idempotent,
                "POST and PATCH too, even if they may have been processed already."));

class retry {
public:
    explicit retry(const settings& conf) : conf_(conf) {
        for (const std::string_view each : conf.on)
            if (!on_.add(each))
                throw pk::config_error("on", "'" + std::string(each) + "' is none of " +
                                                 std::string(pk::failure_set::words) +
                                                 ", and no status from 400 to 599");
    }

    std::uint64_t keeps() const noexcept { return conf_.tries > 1 ? conf_.body : 0; }
    std::uint64_t spills() const noexcept { return conf_.tries > 1 ? conf_.spill : 0; }
    bool judges(std::uint32_t status) const noexcept { return on_.has_status(status); }

    // Its time ends with its own limit or with the deadline, whichever is first.
    pk::attempt_verdict before_send(pk::stream&, const pk::attempt_facts& f,
                                    pk::attempt_plan& plan) const noexcept {
        nanoseconds left = conf_.try_timeout;
        if (conf_.deadline > 0ns) {
            const auto rest = std::max(conf_.deadline - total(f), nanoseconds(1ms));
            left = left > 0ns ? std::min(left, rest) : rest;
        }
        plan.try_ns = static_cast<std::uint64_t>(left.count());
        return pk::attempt_verdict::pass;
    }

    pk::attempt_verdict failed(pk::stream&, const pk::attempt_facts& f,
                               pk::attempt_plan& plan) const noexcept {
        if (f.attempt >= conf_.tries || !on_.has(f)) return pk::attempt_verdict::pass;
        const bool elsewhere = f.others > 0;
        const nanoseconds wait = elsewhere ? 0ns : pause(f.attempt);
        if (conf_.deadline > 0ns && total(f) + wait >= conf_.deadline)
            return pk::attempt_verdict::pass;
        plan.delay_ns = static_cast<std::uint64_t>(wait.count());
        if (conf_.non_idempotent) plan.flags |= PK_ATTEMPT_UNSAFE;
        return elsewhere ? pk::attempt_verdict::other : pk::attempt_verdict::same;
    }

private:
    nanoseconds pause(std::uint32_t attempt) const noexcept {
        return std::min(conf_.delay * (std::int64_t{1} << std::min(attempt - 1, 20u)),
                        std::max(conf_.delay, doubled_max));
    }
    static nanoseconds total(const pk::attempt_facts& f) noexcept {
        return nanoseconds(static_cast<std::int64_t>(f.total_ns));
    }

    const settings conf_;
    pk::failure_set on_;
};

}  // namespace

PKERNEL_PLUGIN("retry", "1.0.0", "Sends a request that failed once more, elsewhere first.",
               pk::attempt<retry, schema>);
