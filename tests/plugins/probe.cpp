// A filter that does in each hook what the request tells it to, and tells at last what it saw.
//
//     filters: [ probe: a, probe: b ]          GET / HTTP/1.1⏎X-A: request=wait-timer
//     response=reply
//
// A word is HOOK=ACTION; the hooks are request, data, end, collected, informational, and response,
// sdata, send, scollected for the other direction. At its end each instance logs "a saw request
// data:5 end response ... end(0)".

#include <pkernel/plugin.hpp>

#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>

#include "alarm.hpp"
#include "probe_attempt.hpp"
#include "probe_balancer.hpp"
#include "probe_handler.hpp"
#include "probe_limits.hpp"
#include "probe_log.hpp"

namespace {

using namespace std::chrono_literals;
using pk::direction;

struct settings {
    std::string_view name;
    std::string_view endpoint;
    pk::socket_address other_port;
};
constexpr auto schema = pk::schema<settings>(
    pk::text("name", &settings::name, "Field X-<name> tells what to do.").main().required(),
    pk::text("endpoint", &settings::endpoint, "Whom sub-endpoint and sub-connect mean."),
    pk::address("other_port", &settings::other_port, "Whose port sub-port means."));

class probe_filter {
public:
    // Takes the answer of a subrequest; goes on with its parent when all of it is there.
    struct answer {
        std::uint32_t status = 0;
        std::string body;
        const probe_filter* of = nullptr;
        bool dawdles = false;  // Takes one byte at a time.
        std::uint64_t id = 0;

        void head(pk::stream&, std::uint32_t code, pk::field_list) { status = code; }
        std::uint64_t data(pk::stream& s, pk::data bytes) {
            for (std::string_view part : bytes) {
                body += dawdles ? part.substr(0, 1) : part;
                if (!dawdles) continue;
                of->subrequests_.resume(s, id);
                return 1;
            }
            return bytes.size();
        }
        void end(pk::stream& s, std::uint32_t cause) { of->answered(s, *this, cause); }
    };

    // A hook that is called before its stream began or after it ended ends the process.
    class life {
    public:
        ~life() { mark_ = 0; }
        void goes_on() const {
            if (mark_ != alive) std::abort();
        }
        void ends() {
            goes_on();
            mark_ = ended;
        }

    private:
        static constexpr std::uint32_t alive = 0xa11fe;
        static constexpr std::uint32_t ended = 0xe9ded;
        std::uint32_t mark_ = alive;
    };

    struct state {
        life lives;
        std::string seen;
        std::string then;  // What the resumed hook answers.
        std::uint64_t passed[2] = {0, 0};
        std::uint64_t to_emit = 0;
        bool waited[2] = {false, false};
        answer sub;
        std::string carried;
        probe::held_slices held;
    };

    probe_filter(const settings& conf, pk::host& h)
        : name_(conf.name),
          field_(std::string("x-") + name_),
          set_field_(std::string("x-set-") + name_),
          endpoint_(conf.endpoint),
          other_port_(conf.other_port.address.port),
          host_(h),
          timers_(h),
          wakers_(h),
          jobs_(h),
          subrequests_(h),
          raw_subrequests_(&h.required<pk_subrequest_service>(PK_SUBREQUEST_ID)),
          alarm_(std::make_unique<probe::alarm>()) {}

    void start() { alarm_->start(); }
    void stop() { alarm_->stop(); }

    pk::verdict on_request(pk::stream& s, state& st) const {
        st.lives.goes_on();
        st.seen += " request";
        return head(s, direction::request, asked(s, "request"), st);
    }
    std::uint64_t on_request_data(pk::stream& s, pk::data d, state& st) const {
        st.lives.goes_on();
        return body(s, direction::request, asked(s, "data"), d, st);
    }
    pk::verdict on_request_end(pk::stream& s, state& st) const {
        st.lives.goes_on();
        st.seen += " end";
        return end(s, direction::request, asked(s, "end"), st);
    }
    pk::verdict on_request_collected(pk::stream& s, state& st) const {
        st.lives.goes_on();
        st.seen += " collected:" + std::to_string(s.collected(direction::request).bytes.size());
        return head(s, direction::request, asked(s, "collected"), st);
    }
    pk::verdict on_informational(pk::stream& s, state& st) const {
        st.lives.goes_on();
        st.seen += " informational:" + std::to_string(s.status());
        const auto what = asked(s, "informational");
        if (what == "throw") throw std::runtime_error("at 1xx");
        if (what == "reset") return s.reset(PK_END_REFUSED);
        if (what == "reply") return s.reply(403, "by " + name_);
        return what == "drop" ? pk::wait : pk::next;
    }
    pk::verdict on_response(pk::stream& s, state& st) const {
        st.lives.goes_on();
        st.seen += " response:" + std::to_string(s.status());
        return head(s, direction::response, asked(s, "response"), st);
    }
    std::uint64_t on_response_data(pk::stream& s, pk::data d, state& st) const {
        st.lives.goes_on();
        return body(s, direction::response, asked(s, "sdata"), d, st);
    }
    pk::verdict on_response_end(pk::stream& s, state& st) const {
        st.lives.goes_on();
        st.seen += " send";
        return end(s, direction::response, asked(s, "send"), st);
    }
    pk::verdict on_response_collected(pk::stream& s, state& st) const {
        st.lives.goes_on();
        st.seen += " scollected:" + std::to_string(s.collected(direction::response).bytes.size());
        return head(s, direction::response, asked(s, "scollected"), st);
    }

    pk::verdict on_resumed(pk::stream& s, direction d, state& st) const {
        st.lives.goes_on();
        if (!std::exchange(st.waited[at(d)], false)) return pk::next;
        st.seen += d == direction::request ? " resumed" : " sresumed";
        if (st.then == "again") {
            st.then.clear();
            return wait(s, d, "timer", st);
        }
        return head(s, d, std::exchange(st.then, {}), st);
    }

    void on_drained(pk::stream& s, direction d, state& st) const {
        st.lives.goes_on();
        if (st.to_emit == 0) return;
        flood(s, d, st);
        if (st.to_emit == 0) s.resume(d);
    }

    void on_stream_end(pk::stream& s, std::uint32_t cause, state& st) const {
        st.lives.ends();
        st.seen += " gone(" + std::to_string(cause) + ")";
        if (!asked(s, "quiet").empty()) return;
        host_.log(PK_LOG_INFO, name_ + " saw" + st.seen);
    }

private:
    static std::size_t at(direction d) { return static_cast<std::size_t>(d); }

    // The action for a hook. Lives until the request's fields change.
    std::string_view asked(pk::stream& s, std::string_view hook) const {
        for (const pk::field f : s.request_fields().each(pk::field_id(std::string_view(field_)))) {
            for (auto rest = f.value; !rest.empty();) {
                const auto word = rest.substr(0, rest.find(' '));
                rest.remove_prefix(std::min(word.size() + 1, rest.size()));
                if (word.size() > hook.size() && word.starts_with(hook) && word[hook.size()] == '=')
                    return word.substr(hook.size() + 1);
            }
        }
        return {};
    }

    static std::uint64_t number(std::string_view text) {
        return std::stoull(std::string(text.substr(text.find(':') + 1)));
    }

    pk::verdict wait(pk::stream& s, direction d, std::string_view how, state& st) const {
        const bool request = d == direction::request;
        st.waited[at(d)] = true;
        if (how == "now") s.resume(d);
        if (how == "timer" || how == "twice" || how == "data") {
            (void)(request ? timers_.start<&probe_filter::go_on_request>(s, 20ms)
                           : timers_.start<&probe_filter::go_on_response>(s, 20ms));
        }
        if (how == "waker" || how == "twice") alarm_->at(20ms, wakers_.make(s));
        if (how == "twice") alarm_->at(25ms, wakers_.make(s));
        if (how == "early") wakers_.make(s).wake();
        if (how == "late") alarm_->at(300ms, wakers_.make(s));
        return pk::wait;
    }
    void go_on_request(pk::stream& s) const { s.resume(direction::request); }
    void go_on_response(pk::stream& s) const { s.resume(direction::response); }

    // What can be done at a head, and in what stands for it.
    pk::verdict head(pk::stream& s, direction d, std::string_view what, state& st) const {
        const bool request = d == direction::request;
        if (what.empty()) return pk::next;
        if (what == "throw") throw std::runtime_error("at a head");
        if (what == "reset") return s.reset(PK_END_REFUSED);
        if (what == "reply") return s.reply(403, "by " + name_, {{"x-by", name_}});
        if (what == "late-reply" || what == "late-throw" || what == "again") {
            st.then = what == "again" ? what : what.substr(5);
            return wait(s, d, "timer", st);
        }
        if (what.starts_with("wait-")) return wait(s, d, what.substr(5), st);
        if (what.starts_with("collect:")) return s.collect(d, number(what));
        if (what.starts_with("collect-stream:"))
            return s.collect(d, number(what), pk::overflow::stream);
        if (what.starts_with("collect-spill:"))
            return s.collect(d, number(what), pk::overflow::spill);
        if (what.starts_with("set:")) {
            const auto fields = request ? s.request_fields() : s.response_fields();
            const auto id = pk::field_id(std::string_view(set_field_));
            return fields.set(id, what.substr(4)) == PK_OK ? pk::next : s.reply(500, "set");
        }
        if (what.starts_with("remove:")) {
            const auto fields = request ? s.request_fields() : s.response_fields();
            fields.remove(pk::field_id(what.substr(7)));
            return pk::next;
        }
        if (what.starts_with("status:")) {
            return s.set_status(static_cast<std::uint32_t>(number(what))) == PK_OK
                       ? pk::next
                       : s.reply(500, "status");
        }
        if (what.starts_with("transform")) {  // transform, or transform:LENGTH
            const bool known = what.size() > 9;
            const auto length = known ? static_cast<std::int64_t>(number(what)) : -1;
            return s.transform(d, length) == PK_OK ? pk::next : s.reply(500, "transform");
        }
        if (what.starts_with("reroute:")) {
            if (s.set_path(what.substr(8)) != PK_OK) return s.reply(500, "path");
            return s.reroute() == PK_OK ? pk::next : s.reply(500, "reroute");
        }
        if (what.starts_with("note:")) {
            s.annotate("note", what.substr(5));
            return pk::next;
        }
        if (what == "respond") return stream_reply(s, st);
        if (what.starts_with("offload:")) return offload(s, d, what.substr(8), st);
        if (what == "offload-flood") return flood_jobs(s);
        if (what.starts_with("sub-flood:") || what.starts_with("sub-eight:")) {
            const auto flags = what.starts_with("sub-flood") ? +PK_SUB_DETACHED : 0u;
            const auto found =
                probe::flood_subrequests(*raw_subrequests_, s.raw(), what.substr(10), flags);
            return s.reply(200, found);
        }
        if (what.starts_with("sub")) return ask(s, what, st);
        return s.reply(500, "what?");
    }

    std::uint64_t body(pk::stream& s, direction d, std::string_view what, pk::data bytes,
                       state& st) const {
        const auto size = bytes.size();
        if (what == "throw") throw std::runtime_error("at data");
        if (what == "reset") s.reset(PK_END_REFUSED);
        if (what == "reply") s.reply(403, "by " + name_, {{"x-by", name_}});
        if (what == "half" && size > 1) {  // The rest comes again.
            wait(s, d, "timer", st);
            st.waited[at(d)] = false;
            return count(size / 2, d, st);
        }
        if (what.starts_with("wait-") && !st.waited[at(d)]) {
            wait(s, d, what.substr(5), st);
            st.seen += d == direction::request ? " data-waits" : " sdata-waits";
            return 0;
        }
        if (what == "upper" || what == "triple") return rewrite(s, d, what, bytes, st);
        if (what == "owned") return count(probe::emit_owned(s, d, bytes, host_), d, st);
        if (what == "hold") return count(st.held.take(s, bytes, st.seen), d, st);
        if (what == "pass") {
            return s.emit(d, bytes) == PK_OK ? count(size, d, st) : std::uint64_t{0};
        }
        return count(size, d, st);
    }
    static std::uint64_t count(std::uint64_t n, direction d, state& st) {
        st.passed[at(d)] += n;
        return n;
    }

    // In pieces, as far as there is room; drained leads to the rest.
    static std::uint64_t rewrite(pk::stream& s, direction d, std::string_view how, pk::data bytes,
                                 state& st) {
        std::uint64_t taken = 0;
        for (std::string_view part : bytes) {
            while (!part.empty()) {
                std::string piece(part.substr(0, 1000));
                const auto n = piece.size();
                for (char& c : piece) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
                if (how == "triple") piece = piece + piece + piece;
                if (s.emit(d, piece) != PK_OK) return count(taken, d, st);
                taken += n;
                part.remove_prefix(n);
            }
        }
        return count(taken, d, st);
    }

    pk::verdict end(pk::stream& s, direction d, std::string_view what, state& st) const {
        st.seen += ":" + std::to_string(st.passed[at(d)]);
        if (what == "throw") throw std::runtime_error("at the end");
        if (what == "reset") return s.reset(PK_END_REFUSED);
        if (what == "reply") return s.reply(403, "by " + name_, {{"x-by", name_}});
        if (what.starts_with("wait-")) return wait(s, d, what.substr(5), st);
        if (what.starts_with("flood:")) {
            st.to_emit = number(what);
            flood(s, d, st);
            if (st.to_emit == 0) return pk::next;
            st.waited[at(d)] = true;
            return pk::wait;
        }
        if (what == "give") return st.held.give(s, d) ? pk::next : s.reset();
        if (what == "finish") {
            s.finish(d, {{"etag", "\"end\""}});
            return pk::next;
        }
        if (what == "trailer") {
            const auto all = d == direction::request ? s.request_trailers() : s.response_trailers();
            return all.set("etag", "\"end\"") == PK_OK ? pk::next : s.reset();
        }
        return pk::next;
    }

    // How many jobs the queue takes while none of them ends.
    pk::verdict flood_jobs(pk::stream& s) const {
        const auto at = std::make_shared<probe::gate>();
        std::uint32_t taken = 0;
        while (taken < 5000 && jobs_.submit<&probe_filter::gate_opened>(
                                   s, std::make_unique<probe::gated_job>(at)) == PK_OK)
            ++taken;
        at->let_go();
        // Two threads may have taken one each before the queue was full.
        return s.reply(200, taken >= 1024 && taken <= 1026 ? "1024" : std::to_string(taken));
    }
    void gate_opened(pk::stream&, probe::gated_job&) const {}

    static void flood(pk::stream& s, direction d, state& st) {
        const std::string piece(10'000, 'f');
        while (st.to_emit > 0) {
            const auto n = std::min<std::uint64_t>(piece.size(), st.to_emit);
            if (s.emit(d, std::string_view(piece).substr(0, n)) != PK_OK) return;
            st.to_emit -= n;
        }
    }

    pk::verdict stream_reply(pk::stream& s, state&) const {
        if (s.respond(200, {{"x-by", name_}}, 5) != PK_OK) return s.reset();
        if (s.emit(direction::response, "by ") != PK_OK) return s.reset();
        if (s.emit(direction::response, "me") != PK_OK) return s.reset();
        s.finish(direction::response);
        return pk::done;
    }

    pk::verdict offload(pk::stream& s, direction d, std::string_view text, state& st) const {
        auto work = std::make_unique<probe::job>(probe::job{std::string(text)});
        if (jobs_.submit<&probe_filter::worked>(s, std::move(work)) != PK_OK) return s.reply(503);
        st.waited[at(d)] = true;
        return pk::wait;
    }
    void worked(pk::stream& s, probe::job& j, state& st) const {
        st.lives.goes_on();
        st.then = "set:" + j.text;
        s.resume(direction::request);
    }

    // sub:TARGET, sub-to:UPSTREAM, sub-rest:TARGET, sub-collected:TARGET, sub-slow:TARGET,
    // sub-endpoint:UPSTREAM, sub-port:UPSTREAM, sub-connect:UPSTREAM, sub-detached:TARGET,
    // sub-hoard:TARGET (detached, and takes nothing of the answer), sub-timeout:TARGET,
    // sub-small:TARGET, sub-cancel:TARGET, sub-deep:TARGET (with the fields of its parent)
    pk::verdict ask(pk::stream& s, std::string_view what, state& st) const {
        const auto how = what.substr(0, what.find(':')), where = what.substr(what.find(':') + 1);
        pk_subrequest r{};
        r.size = sizeof r;
        r.method = pk::str(how == "sub-collected" ? "POST" : "GET");
        const bool one = how == "sub-endpoint" || how == "sub-port" || how == "sub-connect";
        if (how == "sub-to" || one) {
            r.upstream = pk::str(where);
            r.target = pk::str("/direct");
            if (one) r.endpoint = pk::str(std::string_view(endpoint_));
            if (how == "sub-port") r.endpoint_port = other_port_;
            if (how == "sub-connect") r.flags = PK_SUB_CONNECT;
        } else if (how != "sub-rest") {
            r.target = pk::str(where);
        }
        if (how == "sub-rest") r.flags = PK_SUB_REST;
        if (how == "sub-collected") r.flags = PK_SUB_COLLECTED;
        r.body_limit = how == "sub-small" ? 10 : 1 << 20;
        if (how == "sub-deep") r.fields = s.raw()->api->fields(s.raw(), PK_FIELDS_REQUEST);
        if (how == "sub-timeout") r.timeout_ns = 50'000'000;
        (st.sub = {}).of = this;
        st.sub.dawdles = how == "sub-slow";
        if (how == "sub-hoard" || how == "sub-detached") return detach(s, r, how == "sub-hoard");
        r.arg = &st.sub;
        set_callbacks(r);
        if (const auto bad = raw_subrequests_->start(s.raw(), &r, &st.sub.id); bad != PK_OK)
            return s.reply(500, "start " + std::to_string(bad));
        st.waited[0] = true;
        if (how != "sub-cancel") return pk::wait;
        raw_subrequests_->cancel(s.raw(), st.sub.id);
        s.resume(direction::request);
        return pk::wait;
    }

    static void set_callbacks(pk_subrequest& r) {
        r.head = [](pk_stream* p, void* to, std::uint32_t code, pk_field_view f) {
            pk::stream s(p);
            static_cast<answer*>(to)->head(s, code, pk::field_list(f));
        };
        r.data = [](pk_stream* p, void* to, const pk_slice_view* d) {
            pk::stream s(p);
            return static_cast<answer*>(to)->data(s, pk::data(*d));
        };
        r.end = [](pk_stream* p, void* to, std::uint32_t cause, pk_field_view) {
            pk::stream s(p);
            static_cast<answer*>(to)->end(s, cause);
        };
    }

    void answered(pk::stream& s, answer& a, std::uint32_t cause) const {
        state& st = pk::detail::state_of<probe_filter>::of(s.raw());
        st.lives.goes_on();
        st.then = "set:" + std::to_string(a.status) + "/" + a.body.substr(0, 40) + "/" +
                  std::to_string(a.body.size()) + "/" + std::to_string(cause);
        s.resume(direction::request);
    }

    // Its answer outlives the stream, and is told of in the log.
    struct detached {
        const probe_filter* of;
        bool hoards;
        std::string body;
    };
    pk::verdict detach(pk::stream& s, pk_subrequest& r, bool hoards) const {
        r.flags = PK_SUB_DETACHED;
        auto to = std::make_unique<detached>(detached{this, hoards, {}});
        r.arg = to.get();
        r.data = [](pk_stream*, void* arg, const pk_slice_view* d) -> std::uint64_t {
            if (static_cast<detached*>(arg)->hoards) return 0;
            const pk::data bytes(*d);
            for (std::string_view part : bytes) static_cast<detached*>(arg)->body += part;
            return bytes.size();
        };
        r.end = [](pk_stream* none, void* arg, std::uint32_t cause, pk_field_view) {
            const std::unique_ptr<detached> d(static_cast<detached*>(arg));
            d->of->host_.log(PK_LOG_INFO, "detached " + d->body + " cause " +
                                              std::to_string(cause) + (none ? " parent" : ""));
        };
        std::uint64_t id = 0;
        if (raw_subrequests_->start(s.raw(), &r, &id) != PK_OK) return s.reply(500, "start");
        static_cast<void>(to.release());  // It deletes itself.
        return pk::next;
    }

    const std::string name_;
    const std::string field_;
    const std::string set_field_;
    const std::string endpoint_;
    const std::uint32_t other_port_;
    const pk::host host_;
    const pk::timers timers_;
    const pk::wakers wakers_;
    const pk::offload jobs_;
    const pk::subrequests subrequests_;
    const pk_subrequest_service* raw_subrequests_;
    std::unique_ptr<probe::alarm> alarm_;
};

}  // namespace

PKERNEL_PLUGIN("probe", "1.0.0", "Does what the request tells it to, for tests.",
               pk::http_filter<probe_filter, schema>,
               pk::handler<probe::handler, probe::handler_schema>,
               pk::attempt<probe::attempt, probe::attempt_schema>,
               pk::balancer<probe::balancer, probe::balancer_schema>,
               pk::log<probe::log, probe::log_schema>);
