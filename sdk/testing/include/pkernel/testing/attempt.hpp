// Drives an attempt plugin: facts go in, what it decides comes out.

#pragma once

#include <pkernel/abi/attempt.h>
#include <pkernel/testing/plugin.hpp>

#include <cstddef>

namespace pk::testing {

class attempt_under_test {
public:
    // What a hook answered. A verdict or flag that means nothing is a violation.
    struct answer {
        std::uint32_t verdict = PK_ATTEMPT_PASS;
        pk_attempt_plan plan{};
    };

    explicit attempt_under_test(std::string_view options = {}, const setup& with = {},
                                const std::string& file = PKERNEL_PLUGIN_UNDER_TEST);
    ~attempt_under_test();

    // Why it would not load; empty when it does.
    static std::string load_error(std::string_view options, const setup& with = {},
                                  const std::string& file = PKERNEL_PLUGIN_UNDER_TEST);

    // The request that attempts are made for; before the first call a plain GET.
    void request(const request_spec& spec);

    std::uint64_t spills() const { return table_->spills ? table_->spills(instance_.raw()) : 0; }
    std::uint64_t keeps() const { return table_->keeps ? table_->keeps(instance_.raw()) : 0; }
    bool judges(std::uint32_t status) const {
        const std::uint32_t at = status - 100;
        return at < 500 && (judged_[at / 64] >> at % 64 & 1) != 0;
    }

    // Of the facts those that the test cares for: the rest is of a first attempt of a GET at one of
    // two endpoints, to which nothing was sent.
    static pk_attempt_facts facts(std::uint32_t failure = PK_FAIL_NONE, std::uint32_t attempt = 1);
    answer before_send(const pk_attempt_facts& f);
    answer failed(const pk_attempt_facts& f);
    void finished(const pk_attempt_facts& f);

    fake_host& host() noexcept { return instance_.host(); }
    std::vector<std::string> violations() { return instance_.host().take_violations(); }

private:
    using hook = std::uint32_t (*)(pk_stream*, const pk_attempt_facts*, pk_attempt_plan*);
    answer ask(hook h, const pk_attempt_facts& f, std::uint32_t flags, std::uint32_t verdict_max);

    mutable instance_under_test instance_;
    const pk_attempt* table_;
    std::uint64_t judged_[8] = {};
    std::vector<std::max_align_t> state_;
    std::unique_ptr<fake_stream> stream_;
};

}  // namespace pk::testing
