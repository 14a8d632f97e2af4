// Which thread of the engine is calling, for what each keeps apart: metric shards, crash markers.

#pragma once

#include <cstdint>

namespace pkernel::plugin {

// 0: no worker (the control thread, a plugin's own); worker w has w + 1.
inline thread_local std::uint32_t thread_index = 0;

// Called once by each worker's thread before it touches an instance.
inline void become_worker(std::uint32_t worker) noexcept {
    thread_index = worker + 1;
}

}  // namespace pkernel::plugin
