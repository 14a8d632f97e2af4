// Rule 13 of the ABI: fields that a filter vouches for, or that speak of whom a request was
// forwarded for, are not the client's to send.

#pragma once

#include "kernel/base/arena.hpp"
#include "kernel/http/fields.hpp"
#include "kernel/stream/plan.hpp"

namespace pkernel::stream {

// Takes from `all` what stands under a claimed name in any spelling (case, `_` for `-`), any
// X-Forwarded-..., and any `_` spelling of a field that the kernel itself reads or writes. Those
// spelt right go to `aside`, if given.
void set_claims_aside(http::fields& all, const claimed_names& names, base::arena& arena,
                      http::fields* aside);

}  // namespace pkernel::stream
