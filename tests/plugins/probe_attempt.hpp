// The probe as an attempt plugin: vetoes, refuses, asks for what the kernel must overrule.

#pragma once

#include <pkernel/plugin.hpp>

#include <string>

namespace probe {

enum class wish { pass, other, same, give_up };

struct attempt_settings {
    std::int64_t veto = -1;
    bool refuse = false;
    wish then = wish::pass;
    std::uint32_t judge = 0;
    std::uint64_t keep = 0;
    bool unsafe = false;
    std::chrono::nanoseconds delay{0};
};
constexpr auto attempt_schema = pk::schema<attempt_settings>(
    pk::integer("veto", &attempt_settings::veto, "The endpoint that is not let pass."),
    pk::boolean("refuse", &attempt_settings::refuse, "Nothing is let pass."),
    pk::choice("then", &attempt_settings::then, pk::words("pass", "other", "same", "give_up"),
               "What it says to a failure."),
    pk::integer("judge", &attempt_settings::judge, "A status that is a failure."),
    pk::byte_size("keep", &attempt_settings::keep, "Bytes of bodies."),
    pk::boolean("unsafe", &attempt_settings::unsafe, "May repeat anything."),
    pk::duration("delay", &attempt_settings::delay, "Before the next one."));

// Each call is a line in the log.
class attempt {
public:
    struct state {
        std::uint32_t calls;
    };

    attempt(const attempt_settings& conf, pk::host& h) : conf_(conf), host_(h) {}

    std::uint64_t keeps() const { return conf_.keep; }
    bool judges(std::uint32_t status) const { return status == conf_.judge; }

    pk::attempt_verdict before_send(pk::stream&, const pk::attempt_facts& f, pk::attempt_plan&,
                                    state& st) const {
        ++st.calls;
        if (conf_.refuse) return pk::attempt_verdict::give_up;
        return f.endpoint == conf_.veto ? pk::attempt_verdict::other : pk::attempt_verdict::pass;
    }
    pk::attempt_verdict failed(pk::stream& s, const pk::attempt_facts& f, pk::attempt_plan& plan,
                               state& st) const {
        ++st.calls;
        tell("failed", f, st);
        if (s.annotate("failed", std::to_string(f.failure)) != PK_OK)
            host_.log(PK_LOG_ERROR, "annotate answers wrongly");
        if (conf_.unsafe) plan.flags |= PK_ATTEMPT_UNSAFE;
        plan.delay_ns = static_cast<std::uint64_t>(conf_.delay.count());
        return static_cast<pk::attempt_verdict>(conf_.then);
    }
    void finished(pk::stream& s, const pk::attempt_facts& f, state& st) const {
        ++st.calls;
        tell("finished", f, st);
        pk_stream* const raw = s.raw();  // It may only read.
        const pk_field_view none{nullptr, 0, sizeof(pk_field)};
        const bool answered = raw->api->reply(raw, 500, none, {}) != PK_WRONG_STATE;
        raw->api->reset(raw, PK_END_LIMIT);
        if (answered) host_.log(PK_LOG_ERROR, "reply answers wrongly");
    }

private:
    void tell(const char* what, const pk::attempt_facts& f, const state& st) const {
        host_.log(PK_LOG_INFO,
                  std::string(what) + " endpoint=" + std::to_string(f.endpoint) + " attempt=" +
                      std::to_string(f.attempt) + " failure=" + std::to_string(f.failure) +
                      " status=" + std::to_string(f.status) + " sent=" + std::to_string(f.sent) +
                      " received=" + std::to_string(f.received) + " idempotent=" +
                      std::to_string(f.idempotent) + " replayable=" + std::to_string(f.replayable) +
                      " others=" + std::to_string(f.others) + " call=" + std::to_string(st.calls));
    }

    const attempt_settings conf_;
    const pk::host host_;
};

}  // namespace probe
