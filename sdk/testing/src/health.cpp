#include <pkernel/testing/health.hpp>

#include <stdexcept>

#include "fake_stream.hpp"

namespace pk::testing {

health_under_test::health_under_test(std::uint32_t endpoints, std::string_view options,
                                     const setup& with, const std::string& file)
    : shared_(endpoints, pk_endpoint_shared{0, 1, {0, 0}}),
      said_(endpoints),
      words_(endpoints),
      instance_(file, PK_HEALTH_ID, options, with),
      table_(static_cast<const pk_health*>(instance_.table())) {
    for (std::uint32_t i = 0; i < endpoints; ++i) {
        const auto& name = names_.emplace_back("127.0.0.1:" + std::to_string(3000 + i));
        endpoints_.push_back({str(name), 1, 0, &shared_[i]});
    }
    snapshot_ = {sizeof snapshot_, endpoints, sizeof(pk_endpoint), 0, endpoints_.data(), 1};
    raw_.size = sizeof(pk_health_upstream);
    raw_.name = str("app");
    raw_.endpoints = &snapshot_;
    raw_.publish = &publish;
    raw_.count = [](const pk_health_upstream* u, std::uint32_t* all, std::uint32_t* up) {
        *all = *up = 0;
        for (const said& s : owner_of(u).said_) {
            ++*all;
            *up += s.state != PK_HEALTH_DOWN;
        }
    };
    raw_.words = [](const pk_health_upstream* u, std::uint32_t index) -> std::uint64_t* {
        auto& words = owner_of(u).words_;
        return index < words.size() ? words[index].data() : nullptr;
    };
    raw_.owner = this;
}

std::string health_under_test::load_error(std::string_view options, const setup& with,
                                          const std::string& file) {
    try {
        const instance_under_test once(file, PK_HEALTH_ID, options, with);
        return {};
    } catch (const std::runtime_error& e) {
        return e.what();
    }
}

pk_status health_under_test::publish(const pk_health_upstream* u, std::uint32_t index,
                                     const pk_health_state* state) {
    const inside outside(false);
    auto& all = owner_of(u).said_;
    if (index >= all.size() || state->state > PK_HEALTH_DOWN) return PK_INVALID;
    all[index] = {state->state, std::chrono::nanoseconds(state->for_ns),
                  std::string(view(state->reason)), all[index].times + 1};
    return PK_OK;
}

void health_under_test::outcome(std::uint32_t endpoint, std::uint32_t failure, std::uint32_t status,
                                std::uint32_t trial) {
    pk_attempt_facts f{};
    f.size = sizeof f;
    f.attempt = 1;
    f.failure = failure;
    f.status = status;
    f.endpoint = endpoint;
    f.endpoints = &snapshot_;
    const pk_health_outcome what{sizeof what, trial, &raw_, &f};
    const inside plugin(true);
    if (table_->outcome) table_->outcome(instance_.raw(), &what);
}

void health_under_test::elect(const pk_health_upstream* u) {
    const inside plugin(true);
    if (table_->elected) table_->elected(instance_.raw(), u);
}

const asked* health_under_test::probe(std::uint32_t endpoint) {
    for (const asked& r : host().requests)
        if (r.endpoint == names_[endpoint]) return &r;
    return nullptr;
}

void health_under_test::answer(std::uint32_t endpoint, std::uint32_t status,
                               const std::string& body) {
    const asked* r = probe(endpoint);
    if (!r) return host().complain("test", "there is no probe to answer");
    status == 0 ? host().fail(r->id, PK_END_COMPLETE) : host().answer(r->id, status, {}, body);
}

void health_under_test::fail(std::uint32_t endpoint, std::uint32_t cause) {
    const asked* r = probe(endpoint);
    if (!r) return host().complain("test", "there is no probe to fail");
    host().fail(r->id, cause);
}

}  // namespace pk::testing
