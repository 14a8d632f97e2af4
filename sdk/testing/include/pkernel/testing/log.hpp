// Drives a log: one record after the other.

#pragma once

#include <pkernel/testing/plugin.hpp>

namespace pk::testing {

// What happened on a stream, in the words of log.h.
struct record_spec {
    request_spec request = {};
    std::string response_fields = {};
    std::uint32_t status = 200;
    std::uint32_t cause = PK_END_COMPLETE;
    std::string end_reason = "complete";
    std::string upstream = {}, endpoint = {};
    std::uint32_t attempts = 0;
    std::string failed_attempts = {};
    std::string body_kept = {};
    bool reused = false;
    std::uint64_t duration_ns = 1'500'000;
    std::uint64_t upstream_head_ns = 0, upstream_connect_ns = 0, upstream_queue_ns = 0;
    std::uint64_t request_bytes = 0, response_bytes = 0;
    field_pairs annotations = {};
    std::string protocol = "HTTP/1.1";
    std::uint32_t worker = 0;
    // Bytes as they are, past the parser of lines: any byte may stand in a record.
    field_pairs raw_fields = {};
    bool malformed = false;  // No part of the request was understood.
};

class log_under_test {
public:
    explicit log_under_test(std::string_view options = {}, const setup& with = {},
                            const std::string& file = PKERNEL_PLUGIN_UNDER_TEST);

    void record(const record_spec& what);
    void reopen();
    void tick(std::uint32_t worker = 0);
    fake_host& host() noexcept { return instance_.host(); }
    std::int64_t metric(std::string_view name) const;

private:
    mutable instance_under_test instance_;
    const pk_log* table_;
};

}  // namespace pk::testing
