// health_passive: an endpoint at which requests fail one after the other is left out for a while.
//
// What is known of an endpoint stands in its four words, which all workers share: a run of failures
// with the time it began, and how often in a row it was left out. A race of two workers may lose a
// count, never a state: who takes the endpoint out is decided by one exchange.

#include <pkernel/failure_set.hpp>
#include <pkernel/plugin.hpp>

#include <algorithm>
#include <string>

namespace {

using std::chrono::nanoseconds;
using namespace std::chrono_literals;

struct settings {
    std::uint32_t failures = 3;
    nanoseconds window = 30s;
    nanoseconds cooldown = 30s;
    nanoseconds cooldown_max = 5min;
    std::uint32_t max_ejected = 100;
    std::vector<std::string_view> on;
};

constexpr auto schema = pk::schema<settings>(
    pk::integer("failures", &settings::failures, "So many in a row take an endpoint out.")
        .at_least(1)
        .at_most(1000)
        .main(),
    pk::duration("window", &settings::window, "Within this time.").at_least(10ms),
    pk::duration("cooldown", &settings::cooldown,
                 "How long it is out; doubled each time that it is no better then.")
        .at_least(10ms)
        .at_most(1h),
    pk::duration("cooldown_max", &settings::cooldown_max,
                 "The longest that this may grow to; never less than cooldown.")
        .at_least(10ms)
        .at_most(24h),
    pk::integer("max_ejected", &settings::max_ejected,
                "Percent of an upstream's endpoints that may be out at a time.")
        .at_least(1)
        .at_most(100),
    pk::list("on", &settings::on, pk::text(),
             "connect_error, reset, timeout, bad_response, or statuses from 400.")
        .not_empty()
        .default_text("[connect_error, reset, timeout, bad_response]"));

std::uint64_t load(const std::uint64_t* at) noexcept {
    return __atomic_load_n(at, __ATOMIC_RELAXED);
}
void store(std::uint64_t* at, std::uint64_t value) noexcept {
    __atomic_store_n(at, value, __ATOMIC_RELAXED);
}

class health_passive {
public:
    health_passive(const settings& conf, pk::host& h) : conf_(conf), clock_(h) {
        for (const std::string_view each : conf.on)
            if (!on_.add(each))
                throw pk::config_error("on", "'" + std::string(each) + "' is none of " +
                                                 std::string(pk::failure_set::words) +
                                                 ", and no status from 400 to 599");
    }

    void on_outcome(const pk::health_upstream& u, const pk::attempt_facts& f,
                    std::uint32_t trial) const {
        std::uint64_t* const words = u.words(f.endpoint);
        if (words == nullptr) return;
        const bool failed = f.failure == PK_FAIL_BODY ? on_body_ : on_.has(f);
        // What was under way when the endpoint was taken out tells nothing new.
        if (load(words + out) != 0) {
            if (trial != PK_TRIAL_NONE) judge_trial(u, f, failed, trial, words);
            return;
        }
        if (!failed) {
            if (load(words + run) != 0) store(words + run, 0);
            return;
        }
        if (count(words) < conf_.failures || !may_eject(u)) return;
        if (__atomic_exchange_n(words + out, 1, __ATOMIC_RELAXED) != 0) return;
        eject(u, f, words, count_text());
    }

private:
    enum word { run, began, out, level };

    // The failures of this run, with this one.
    std::uint64_t count(std::uint64_t* words) const noexcept {
        const auto now = static_cast<std::uint64_t>(clock_.now().count());
        const auto window = static_cast<std::uint64_t>(conf_.window.count());
        if (load(words + run) == 0 || now - load(words + began) > window) {
            store(words + began, now);
            store(words + run, 1);
            return 1;
        }
        return __atomic_add_fetch(words + run, 1, __ATOMIC_RELAXED);
    }

    bool may_eject(const pk::health_upstream& u) const noexcept {
        const auto c = u.count();
        const std::uint64_t then = c.all - c.up + 1;
        return then * 100 <= std::uint64_t{c.all} * conf_.max_ejected;
    }

    void judge_trial(const pk::health_upstream& u, const pk::attempt_facts& f, bool failed,
                     std::uint32_t trial, std::uint64_t* words) const {
        if (!failed) {
            store(words + run, 0);
            store(words + level, 0);
            store(words + out, 0);
            u.up(f.endpoint, "a request went well");
            return;
        }
        // Out of turn it was tried only because nobody else was there.
        if (trial != PK_TRIAL_DUE) return;
        store(words + level, load(words + level) + 1);
        eject(u, f, words, "tried again: ");
    }

    void eject(const pk::health_upstream& u, const pk::attempt_facts& f, std::uint64_t* words,
               const std::string& why) const {
        const auto doubled = std::min<std::uint64_t>(load(words + level), 20);
        const auto time = std::min(conf_.cooldown * (std::int64_t{1} << doubled),
                                   std::max(conf_.cooldown_max, conf_.cooldown));
        store(words + run, 0);
        u.down(f.endpoint, time, why + name_of(f));
    }

    std::string count_text() const {
        if (conf_.failures == 1) return "1 failure: ";
        return std::to_string(conf_.failures) + " failures in a row, the last ";
    }

    static std::string name_of(const pk::attempt_facts& f) {
        if (f.failure == PK_FAIL_NONE || f.failure == PK_FAIL_STATUS)
            return "status " + std::to_string(f.status);
        static constexpr const char* names[] = {"",
                                                "connect refused",
                                                "unreachable",
                                                "connect timeout",
                                                "handshake failed",
                                                "send timeout",
                                                "connection closed",
                                                "response timeout",
                                                "no HTTP response",
                                                "cut body"};
        return f.failure < std::size(names) ? names[f.failure] : "failure";
    }

    const settings conf_;
    pk::failure_set on_;
    const bool on_body_ = std::find(conf_.on.begin(), conf_.on.end(), "reset") != conf_.on.end();
    const pk::clock clock_;
};

}  // namespace

PKERNEL_PLUGIN("health_passive", "1.0.0", "Leaves out endpoints at which requests fail.",
               pk::health_source<health_passive, schema>);
