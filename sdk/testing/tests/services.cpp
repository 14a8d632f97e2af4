// A filter that uses each service and each way to go on, as the request's path says.

#include <pkernel/plugin.hpp>
#include <string>
#include <thread>

namespace {

using namespace std::chrono_literals;
using pk::direction;

class services {
public:
    static constexpr std::string_view needs[] = {PK_TIMER_ID, PK_WAKER_ID};
    static inline int alive = 0;  // States that exist, for the test to read by /alive.

    struct state {
        std::string text;  // Its memory must be given back.
        std::uint32_t code = 0;
        bool answered = false;

        state() { ++alive; }
        ~state() { --alive; }

        void head(pk::stream&, std::uint32_t status, pk::field_list) { code = status; }
        std::uint64_t data(pk::stream&, pk::data d) {
            for (auto part : d) text += part;
            return d.size();
        }
        void end(pk::stream& s, std::uint32_t cause) {
            if (cause != PK_END_COMPLETE) {
                s.reply(502, "asked in vain");
            } else {
                s.reply(code, text);
            }
        }
    };

    struct job {
        int input = 0, output = 0;
        void run() { output = input * 2; }
    };

    explicit services(const pk::host& h)
        : timers_(h),
          jobs_(h),
          requests_(h),
          wakers_(h),
          clock_(h),
          seen_(h, "seen", "Requests seen."),
          client_(h, "", "client_ip") {}

    pk::verdict on_request(pk::stream& s, state& st) const {
        seen_.add();
        const std::string_view path = s.request().path();
        if (path == "/throw") throw std::runtime_error("on purpose");
        if (path == "/throw-int") throw 5;
        if (path == "/alive") return s.reply(200, std::to_string(alive));
        if (path == "/timer") {
            return timers_.start<&services::late>(s, 50ms) == PK_OK ? pk::wait : s.reply(500);
        }
        if (path == "/job") {
            auto work = std::make_unique<job>();
            work->input = 21;
            return jobs_.submit<&services::worked>(s, std::move(work)) == PK_OK ? pk::wait
                                                                                : s.reply(500);
        }
        if (path == "/ask") {
            const pk::subrequest what{.upstream = "auth", .target = "/check"};
            return requests_.start<services>(s, what, st) == PK_OK ? pk::wait : s.reply(500);
        }
        if (path == "/wake") {
            std::thread([w = wakers_.make(s), &st] {
                st.answered = true;
                w.wake();
                w.wake();
            }).join();
            return pk::wait;
        }
        if (path == "/client") return s.reply(200, client_.of(s));
        if (path == "/collect") return s.collect(direction::request, 8);
        if (path == "/collect-stream") {
            return s.collect(direction::request, 8, pk::overflow::stream);
        }
        if (path == "/upper" && s.transform(direction::request) != PK_OK) return s.reply(500);
        return pk::next;
    }

    pk::verdict on_request_collected(pk::stream& s) const {
        const auto body = s.collected(direction::request);
        if (body.how_much == PK_COLLECTED_PART) return pk::next;
        std::string all;
        for (auto part : body.bytes) all += part;
        return all == "bad" ? s.reply(403) : pk::next;
    }

    void on_request_data(pk::stream& s, pk::data chunk, state& st) const {
        if (s.request().path() != "/upper") return;
        for (auto part : chunk) {
            for (char c : part) st.text += static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
        }
        if (s.emit(direction::request, st.text) == PK_OK) st.text.clear();
    }

    pk::verdict on_resumed(pk::stream& s, direction d, const state& st) const {
        if (d == direction::request && s.request().path() == "/wake" && !st.answered) {
            return pk::wait;
        }
        return pk::next;
    }

    void on_response(pk::stream& s) const {
        if (s.request().path() == "/throw-late") throw std::runtime_error("late");
        if (s.response_fields().set("x-time", std::to_string(clock_.now().count())) != PK_OK) {
            s.reset();
        }
    }

    void on_response_data(pk::stream& s, pk::data) const {
        if (s.request().path() == "/throw-data") throw std::runtime_error("in data");
    }

private:
    void late(pk::stream& s) const { s.reply(504); }
    void worked(pk::stream& s, job& done) const {
        if (s.request_fields().set("x-answer", std::to_string(done.output)) != PK_OK) s.reply(500);
        s.resume(direction::request);
    }

    const pk::timers timers_;
    const pk::offload jobs_;
    const pk::subrequests requests_;
    const pk::wakers wakers_;
    const pk::clock clock_;
    const pk::counter seen_;
    const pk::variable client_;
};

}  // namespace

PKERNEL_PLUGIN("services", "1.0.0", "Uses every service.", pk::http_filter<services>);
