// What a reload has left of the generation before: asked for each tunnel that is open, since a
// tunnel goes on with the instance that it began with.
//
// One worker's, during its turn to the next generation. Sorted when it is first asked: most reloads
// meet no tunnel, and one that meets thousands looks each up at once.

#pragma once

#include <algorithm>
#include <functional>
#include <string_view>
#include <vector>

#include "kernel/stream/plan.hpp"

namespace pkernel::stream {

class survivors {
public:
    // `next` outlives it.
    explicit survivors(const generation& next) noexcept : next_(next) {}

    // Whether `next` still has that very instance, and a route of that label.
    bool have(const plugin::instance* of, std::string_view route) {
        if (instances_.empty()) index();
        return std::binary_search(instances_.begin(), instances_.end(), of, std::less<>()) &&
               std::binary_search(routes_.begin(), routes_.end(), route);
    }

private:
    void index() {
        for (const auto& i : next_.instances) instances_.push_back(i.get());
        for (const auto& r : *next_.routes) routes_.push_back(r->label);
        std::sort(instances_.begin(), instances_.end(), std::less<>());
        std::sort(routes_.begin(), routes_.end());
    }

    const generation& next_;
    std::vector<const plugin::instance*> instances_;
    std::vector<std::string_view> routes_;
};

}  // namespace pkernel::stream
