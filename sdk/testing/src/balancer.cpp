#include <pkernel/testing/balancer.hpp>
#include <pkernel/text.hpp>

#include <algorithm>
#include <stdexcept>

#include "fake_stream.hpp"

namespace pk::testing {
namespace {

// Whose pick is under way on this thread: response_field has nothing else to know it by.
thread_local field_pairs* recording = nullptr;

}  // namespace

balancer_under_test::balancer_under_test(const std::vector<endpoint_spec>& endpoints,
                                         std::string_view options, const setup& with,
                                         const std::string& file)
    : instance_(file, PK_BALANCER_ID, options, with),
      table_(static_cast<const pk_balancer*>(instance_.table())),
      workers_(with.workers) {
    publish(endpoints);
    request({});
}

balancer_under_test::~balancer_under_test() = default;

std::string balancer_under_test::load_error(std::string_view options, const setup& with,
                                            const std::string& file) {
    try {
        const instance_under_test once(file, PK_BALANCER_ID, options, with);
        return {};
    } catch (const std::runtime_error& e) {
        return e.what();
    }
}

void balancer_under_test::publish(const std::vector<endpoint_spec>& endpoints) {
    endpoints_.assign(endpoints.size(), {});
    shared_.assign(endpoints.size(), {0, 1, {0, 0}});
    for (std::size_t i = 0; i < endpoints.size(); ++i) {
        endpoints_[i].address = str(names_.emplace_back(endpoints[i].address));
        endpoints_[i].weight = endpoints[i].weight;
        endpoints_[i].shared = &shared_[i];
    }
    words_.assign(workers_, std::vector<std::int64_t>(2 * endpoints.size()));
    snapshot_ = {sizeof(pk_endpoints),  static_cast<std::uint32_t>(endpoints.size()),
                 sizeof(wide_endpoint), 0,
                 endpoints_.data(),     ++version_};
    choice_ = {};
    choice_.size = sizeof choice_;
    choice_.endpoints = &snapshot_;
    choice_.candidate_count = snapshot_.count;
    choice_.attempt = 1;
    choice_.words = words_[0].data();
    choice_.response_field = &record;
    if (stream_) choice_.stream = stream_->raw();
}

void balancer_under_test::request(const request_spec& spec) {
    stream_.reset();
    stream_ = std::make_unique<fake_stream>(instance_.host(), tables{}, nullptr, spec);
    choice_.stream = stream_->raw();
}

void balancer_under_test::variable(const std::string& name, const std::string& value) {
    instance_.host().variables[name] = value;
}

pk_status balancer_under_test::record(const pk_pick*, pk_str name, pk_str value) {
    const inside outside(false);
    if (recording == nullptr) return PK_WRONG_STATE;
    if (!legal_name(view(name)) || !legal_value(view(value)) || kernels_own(view(name)))
        return PK_INVALID;
    recording->emplace_back(view(name), view(value));
    return PK_OK;
}

std::uint32_t balancer_under_test::pick(std::uint32_t worker,
                                        const std::vector<std::uint32_t>& candidates) {
    choice_.worker = worker;
    choice_.words = words_[worker].data();
    choice_.candidates = candidates.empty() ? nullptr : candidates.data();
    choice_.candidate_count =
        candidates.empty() ? snapshot_.count : static_cast<std::uint32_t>(candidates.size());
    choice_.draining = draining_.data();
    choice_.draining_count = static_cast<std::uint32_t>(draining_.size());
    choice_.random = random_();
    recorded_.clear();
    recording = &recorded_;
    std::uint32_t index = 0;
    {
        const inside plugin(true);
        index = table_->pick(instance_.raw(), &choice_);
    }
    recording = nullptr;
    const auto is_in = [index](const std::vector<std::uint32_t>& all) {
        return std::find(all.begin(), all.end(), index) != all.end();
    };
    const bool legal = index == PK_NO_ENDPOINT || is_in(draining_) ||
                       (candidates.empty() ? index < snapshot_.count : is_in(candidates));
    if (!legal) instance_.host().complain("plugin", "picked what is no candidate");
    return index;
}

std::vector<std::uint32_t> balancer_under_test::counts(
    std::uint32_t n, std::uint32_t worker, const std::vector<std::uint32_t>& candidates) {
    std::vector<std::uint32_t> sums(snapshot_.count);
    for (std::uint32_t i = 0; i < n; ++i) {
        const std::uint32_t index = pick(worker, candidates);
        if (index < sums.size()) ++sums[index];
    }
    return sums;
}

}  // namespace pk::testing
