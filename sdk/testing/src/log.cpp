#include <pkernel/testing/log.hpp>

#include "fake_stream.hpp"

namespace pk::testing {

std::int64_t metric_of(fake_host& host, std::string_view name);  // plugin.cpp

log_under_test::log_under_test(std::string_view options, const setup& with, const std::string& file)
    : instance_(file, PK_LOG_ID, options, with),
      table_(static_cast<const pk_log*>(instance_.table())) {}

void log_under_test::record(const record_spec& what) {
    // A stream is made for its request only; it has no plugin.
    static const pk_http_filter nobody = [] {
        pk_http_filter f{};
        f.size = sizeof f;
        f.interest = [](void*) -> std::uint32_t { return 0; };
        return f;
    }();
    fake_stream stream(instance_.host(), tables{&nobody, nullptr, nullptr}, nullptr, what.request);
    field_store response;
    response.assign(parse_fields(what.response_fields));
    if (!what.raw_fields.empty()) stream.fields[PK_FIELDS_REQUEST].assign(what.raw_fields);
    static const pk_request nothing{sizeof(pk_request),
                                    0,
                                    0,
                                    0,
                                    {},
                                    {},
                                    {},
                                    {},
                                    {},
                                    {},
                                    {},
                                    {},
                                    -1,
                                    0,
                                    0,
                                    {},
                                    {},
                                    {},
                                    {},
                                    {},
                                    {}};
    std::vector<pk_annotation> notes;
    for (const auto& [key, value] : what.annotations) notes.push_back({str(key), str(value)});

    pk_record r{};
    r.size = sizeof r;
    r.worker = what.worker;
    r.request = what.malformed ? &nothing : &stream.request;
    if (!what.malformed) r.request_fields = stream.fields[PK_FIELDS_REQUEST].view();
    r.response_fields = response.view();
    r.status = what.status;
    r.cause = what.cause;
    r.end_reason = str(what.end_reason);
    r.upstream = str(what.upstream);
    r.endpoint = str(what.endpoint);
    r.attempts = what.attempts;
    r.failed_attempts = str(what.failed_attempts);
    r.body_kept = str(what.body_kept);
    r.reused = what.reused ? 1 : 0;
    r.start_unix_ns = instance_.host().unix_ns;
    r.duration_ns = what.duration_ns;
    r.upstream_head_ns = what.upstream_head_ns;
    r.upstream_queue_ns = what.upstream_queue_ns;
    r.upstream_connect_ns = what.upstream_connect_ns;
    r.request_bytes = what.request_bytes;
    r.response_bytes = what.response_bytes;
    r.annotations = notes.data();
    r.annotation_count = static_cast<std::uint32_t>(notes.size());
    r.annotation_stride = sizeof(pk_annotation);
    r.protocol = str(what.protocol);
    r.stream = what.malformed ? nullptr : stream.raw();
    const inside plugin(true);
    table_->record(instance_.raw(), &r);
}

void log_under_test::reopen() {
    const inside plugin(true);
    if (table_->reopen != nullptr) table_->reopen(instance_.raw());
}

void log_under_test::tick(std::uint32_t worker) {
    const inside plugin(true);
    if (table_->tick != nullptr) table_->tick(instance_.raw(), worker);
}

std::int64_t log_under_test::metric(std::string_view name) const {
    return metric_of(instance_.host(), name);
}

}  // namespace pk::testing
