#include <pkernel/testing/attempt.hpp>

#include <stdexcept>

#include "fake_stream.hpp"

namespace pk::testing {

namespace {

// Two endpoints that are up.
const pk_endpoints& two_endpoints() {
    static pk_endpoint_shared shared[2] = {{0, 1, {0, 0}}, {0, 1, {0, 0}}};
    static const pk_endpoint list[2] = {{str("127.0.0.1:3001"), 1, 0, &shared[0]},
                                        {str("127.0.0.1:3002"), 1, 0, &shared[1]}};
    static const pk_endpoints both{sizeof both, 2, sizeof(pk_endpoint), 0, list, 1};
    return both;
}

}  // namespace

attempt_under_test::attempt_under_test(std::string_view options, const setup& with,
                                       const std::string& file)
    : instance_(file, PK_ATTEMPT_ID, options, with),
      table_(static_cast<const pk_attempt*>(instance_.table())) {
    if (table_->judges) table_->judges(instance_.raw(), judged_);
    request({});
}

attempt_under_test::~attempt_under_test() = default;

std::string attempt_under_test::load_error(std::string_view options, const setup& with,
                                           const std::string& file) {
    try {
        const instance_under_test once(file, PK_ATTEMPT_ID, options, with);
        return {};
    } catch (const std::runtime_error& e) {
        return e.what();
    }
}

void attempt_under_test::request(const request_spec& spec) {
    stream_.reset();
    stream_ = std::make_unique<fake_stream>(instance_.host(), tables{}, instance_.raw(), spec);
    state_.assign(table_->state_size / sizeof(std::max_align_t) + 1, {});
    stream_->raw()->state = state_.data();
}

pk_attempt_facts attempt_under_test::facts(std::uint32_t failure, std::uint32_t attempt) {
    pk_attempt_facts f{};
    f.size = sizeof f;
    f.attempt = attempt;
    f.failure = failure;
    f.idempotent = f.replayable = f.others = 1;
    f.endpoints = &two_endpoints();
    return f;
}

attempt_under_test::answer attempt_under_test::ask(hook h, const pk_attempt_facts& f,
                                                   std::uint32_t flags, std::uint32_t verdict_max) {
    answer a;
    a.plan.size = sizeof a.plan;
    if (!h) return a;
    {
        const inside plugin(true);
        a.verdict = h(stream_->raw(), &f, &a.plan);
    }
    const bool no_same = h == table_->before_send && a.verdict == PK_ATTEMPT_SAME;
    if (a.verdict > verdict_max || no_same)
        instance_.host().complain("plugin", "a verdict that means nothing here");
    if (a.plan.flags & ~flags) instance_.host().complain("plugin", "a flag that means nothing");
    return a;
}

attempt_under_test::answer attempt_under_test::before_send(const pk_attempt_facts& f) {
    return ask(table_->before_send, f, 0, PK_ATTEMPT_GIVE_UP);
}

attempt_under_test::answer attempt_under_test::failed(const pk_attempt_facts& f) {
    return ask(table_->failed, f, PK_ATTEMPT_UNSAFE, PK_ATTEMPT_GIVE_UP);
}

void attempt_under_test::finished(const pk_attempt_facts& f) {
    if (!table_->finished) return;
    const inside plugin(true);
    table_->finished(stream_->raw(), &f);
}

}  // namespace pk::testing
