// Calling a hook: the crash marker around it, and the count of what it emits begun anew.

#pragma once

#include "kernel/stream/stream.hpp"

namespace pkernel::stream {

template <class Call>
auto stream::call(slot& s, Call&& hook) {
    plugin::call_marker mark(context_.marker, s.instance()->number());
    s.emitted = 0;
    return hook(&s.handle);
}

}  // namespace pkernel::stream
