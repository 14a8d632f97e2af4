// The endpoints of an upstream: from its config and what its names stand for now, with what goes on
// from the ones before. [control]

#pragma once

#include <memory>
#include <string>

#include "kernel/upstream/endpoint.hpp"

namespace pkernel::upstream {

// Fills u.endpoints; `u.conf`, `name`, `transport` and `feed` are set. A name that nothing is known
// of yet has the endpoints that it had in `before` (the same upstream, or null), else none. Two
// names with an address in common have it once. `same_sources`: of health.
void add_endpoints(upstream& u, const upstream* before, bool same_sources);

// The same upstream with what its feed knows now; null: that is what it has. `said` is a line for
// the log: what came and what went; empty where an address is of another name now. The generation
// that `from` is of must be kept by who uses it.
std::shared_ptr<upstream> with_new_endpoints(const upstream& from, std::string& said);

}  // namespace pkernel::upstream
