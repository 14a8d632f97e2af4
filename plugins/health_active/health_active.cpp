// health_active: asks each endpoint again and again whether it is well.
//
// It runs on the one worker that the kernel elects, so it needs no care for threads. One timer
// serves all endpoints; each has at most one probe under way.

#include <pkernel/plugin.hpp>

#include <algorithm>
#include <bitset>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace {

using std::chrono::nanoseconds;
using namespace std::chrono_literals;

constexpr std::size_t body_bytes_max = 64 << 10;

struct settings {
    std::string_view path;
    std::string_view host;
    nanoseconds interval = 5s;
    nanoseconds timeout = 2s;
    std::uint32_t rise = 2;
    std::uint32_t fall = 3;
    std::vector<std::string_view> status;
    std::string_view body;
    std::uint32_t port = 0;
};

constexpr auto schema = pk::schema<settings>(
    pk::text("path", &settings::path, "Asked for by GET; without it a connection is enough.")
        .main(),
    pk::field_value("host", &settings::host,
                    "The probe's Host; without it the endpoint's address."),
    pk::duration("interval", &settings::interval, "Between two probes, give or take a tenth.")
        .at_least(50ms),
    pk::duration("timeout", &settings::timeout, "Of one probe.").at_least(10ms),
    pk::integer("rise", &settings::rise, "So many good probes in a row make an endpoint up.")
        .at_least(1)
        .at_most(1000),
    pk::integer("fall", &settings::fall, "So many bad probes in a row take it out.")
        .at_least(1)
        .at_most(1000),
    pk::list("status", &settings::status, pk::text(), "Good answers: statuses, or 2xx to 5xx.")
        .not_empty()
        .default_text("[2xx, 3xx]"),
    pk::text("body", &settings::body, "Text that must stand in the first 64 KiB of the body."),
    pk::integer("port", &settings::port, "Where probes go; 0: the endpoint's own port.")
        .at_least(0)
        .at_most(65535));

class health_active {
public:
    health_active(const settings& conf, pk::host& h)
        : conf_(conf), clock_(h), timers_(h), subrequests_(h) {
        if (!conf.path.empty() && conf.path.front() != '/')
            throw pk::config_error("path", "path must begin with '/'");
        for (const std::string_view word : conf.status) add_status(word);
        if (conf.path.empty() && !conf.body.empty())
            throw pk::config_error("body", "a body needs a path");
    }
    health_active(const health_active&) = delete;
    health_active& operator=(const health_active&) = delete;

    // Endpoints that stay go on with their probe and count, however often others come and go; what
    // they came to is said anew, should the kernel have begun anew with one.
    void elected(const pk::health_upstream& u) {
        auto before = std::exchange(targets_, {});
        upstream_ = u;
        for (std::uint32_t i = 0; u && i < u.endpoint_count(); ++i) {
            if (u.out(i)) continue;
            const auto same = std::find_if(before.begin(), before.end(), [&](const auto& t) {
                return t && t->address == u.address(i);
            });
            if (same != before.end()) {
                targets_.push_back(std::move(*same));
                targets_.back()->index = i;
                targets_.back()->said = PK_HEALTH_UNKNOWN;
                continue;
            }
            auto& t = *targets_.emplace_back(std::make_unique<target>());
            t.owner = this;
            t.index = i;
            t.address = u.address(i);
            t.text.reserve(conf_.body.empty() ? 0 : body_bytes_max);
            // Not all at once, and the first ones soon.
            t.due = clock_.now() + part_of(std::min(conf_.interval, nanoseconds(1s)));
        }
        for (const auto& t : before)
            if (t && t->busy) subrequests_.cancel_on_worker(t->probe);
        arm();
    }

private:
    // One endpoint, and the receiver of its probe.
    struct target {
        health_active* owner;
        std::uint32_t index;
        std::string address;
        nanoseconds due{0};
        bool busy = false;
        std::uint64_t probe = 0;
        std::uint32_t status = 0;
        std::string text;
        bool good = false;      // The last probe was.
        std::uint32_t run = 0;  // So many in a row were like it.
        std::uint32_t said = PK_HEALTH_UNKNOWN;

        void head(std::uint32_t code, pk::field_list) noexcept { status = code; }
        std::uint64_t data(const pk::data& d) noexcept {
            if (text.capacity() > 0)
                for (const std::string_view piece : d)
                    text.append(piece.substr(0, body_bytes_max - text.size()));
            return d.size();
        }
        void end(std::uint32_t cause) noexcept { owner->ended(*this, cause); }
    };

    void add_status(std::string_view word) {
        if (word.size() == 3 && word[0] >= '2' && word[0] <= '5') {
            const auto first = static_cast<std::size_t>(word[0] - '0') * 100;
            if (word.substr(1) == "xx") {
                for (std::size_t i = 0; i < 100; ++i) good_.set(first + i);
                return;
            }
            const auto tens = word[1] - '0', ones = word[2] - '0';
            if (tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9) {
                good_.set(first + static_cast<std::size_t>(tens * 10 + ones));
                return;
            }
        }
        throw pk::config_error("status", "'" + std::string(word) +
                                             "' is no status from 200 to 599, and not 2xx to 5xx");
    }

    nanoseconds part_of(nanoseconds whole) {
        return nanoseconds(std::uniform_int_distribution<std::int64_t>(0, whole.count())(random_));
    }

    // The timer rings when the next one is due.
    void arm() {
        if (armed_) timers_.cancel_on_worker(timer_);
        armed_ = false;
        nanoseconds next = nanoseconds::max();
        for (const auto& t : targets_)
            if (!t->busy) next = std::min(next, t->due);
        if (next == nanoseconds::max()) return;
        const auto in = std::max(next - clock_.now(), nanoseconds(0));
        const auto ring = [](void* self) { static_cast<health_active*>(self)->rang(); };
        armed_ = timers_.start_on_worker(in, ring, this, &timer_) == PK_OK;
    }

    void rang() {
        armed_ = false;
        const auto now = clock_.now();
        for (const auto& t : targets_)
            if (!t->busy && t->due <= now) start(*t);
        arm();
    }

    void start(target& t) {
        pk::probe what{upstream_.name(), upstream_.address(t.index)};
        what.port = conf_.port;
        what.connect_only = conf_.path.empty();
        what.authority = conf_.host;
        if (!conf_.path.empty()) what.target = conf_.path;
        what.timeout = conf_.timeout;
        t.status = 0;
        t.text.clear();
        t.due = clock_.now() + conf_.interval * 9 / 10 + part_of(conf_.interval / 5);
        t.busy = subrequests_.start_on_worker(what, t, &t.probe) == PK_OK;
    }

    void ended(target& t, std::uint32_t cause) noexcept {
        t.busy = false;
        if (cause == PK_END_SHUTDOWN) return;
        const bool good = cause == PK_END_COMPLETE && answer_is_good(t);
        t.run = t.run > 0 && t.good == good ? std::min(t.run + 1, 1'000'000u) : 1;
        t.good = good;
        const auto now = good ? PK_HEALTH_UP : PK_HEALTH_DOWN;
        if (t.said != static_cast<std::uint32_t>(now) && t.run >= (good ? conf_.rise : conf_.fall))
            say(t, good, cause);
        arm();
    }

    bool answer_is_good(const target& t) const noexcept {
        if (conf_.path.empty()) return true;
        return good_[std::min<std::size_t>(t.status, 599)] &&
               t.text.find(conf_.body) != std::string::npos;
    }

    void say(target& t, bool good, std::uint32_t cause) {
        t.said = good ? PK_HEALTH_UP : PK_HEALTH_DOWN;
        const auto count = std::to_string(t.run) + (t.run == 1 ? " probe" : " probes in a row");
        if (good) return upstream_.up(t.index, count + " went well");
        upstream_.down(t.index, {}, count + " failed, the last: " + why(t, cause));
    }

    std::string why(const target& t, std::uint32_t cause) const {
        if (cause == PK_END_COMPLETE)
            return good_[std::min<std::size_t>(t.status, 599)]
                       ? "the body lacks its text"
                       : "status " + std::to_string(t.status);
        if (cause == PK_END_UNREACHABLE) return "no connection";
        if (cause == PK_END_TIMEOUT) return "timeout";
        return cause == PK_END_LIMIT ? "the body is too long" : "the connection ended";
    }

    const settings conf_;
    const pk::clock clock_;
    const pk::timers timers_;
    const pk::subrequests subrequests_;
    std::bitset<600> good_;
    std::mt19937_64 random_{std::random_device{}()};
    pk::health_upstream upstream_;
    std::vector<std::unique_ptr<target>> targets_;
    pk::timer_id timer_ = 0;
    bool armed_ = false;
};

}  // namespace

PKERNEL_PLUGIN("health_active", "1.0.0", "Asks each endpoint again and again whether it is well.",
               pk::health_source<health_active, schema>);
