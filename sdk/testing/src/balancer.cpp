#include <pkernel/testing/balancer.hpp>
#include <pkernel/text.hpp>

#include <algorithm>

namespace pk::testing {

balancer_under_test::balancer_under_test(const std::vector<endpoint_spec>& endpoints,
                                         std::string_view options, const setup& with,
                                         const std::string& file)
    : instance_(file, PK_BALANCER_ID, options, with),
      table_(static_cast<const pk_balancer*>(instance_.table())),
      workers_(with.workers) {
    publish(endpoints);
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
}

std::uint32_t balancer_under_test::pick(std::uint32_t worker,
                                        const std::vector<std::uint32_t>& candidates) {
    choice_.worker = worker;
    choice_.words = words_[worker].data();
    choice_.candidates = candidates.empty() ? nullptr : candidates.data();
    choice_.candidate_count =
        candidates.empty() ? snapshot_.count : static_cast<std::uint32_t>(candidates.size());
    choice_.random = random_();
    const inside plugin(true);
    const std::uint32_t index = table_->pick(instance_.raw(), &choice_);
    const bool legal = index == PK_NO_ENDPOINT ||
                       (candidates.empty() ? index < snapshot_.count
                                           : std::find(candidates.begin(), candidates.end(),
                                                       index) != candidates.end());
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
