// Memory of a plugin's own that is on its way out (emit_owned): told when the last byte has gone.
//
// Bytes may be let go of anywhere, also inside a call that a plugin made, so the plugin is told in
// the loop's deferred work. A worker's own, on its thread only.

#pragma once

#include <memory>

#include "kernel/base/block.hpp"
#include "kernel/net/loop.hpp"
#include "kernel/plugin/call_marker.hpp"

namespace pkernel::stream {

struct site;

class lent_memory final : private base::block_lender, private net::deferred {
public:
    static constexpr std::size_t spare_max = 256;

    // All outlive it.
    lent_memory(net::loop& loop, base::block_pool& blocks, plugin::marker_slot& marker)
        : loop_(loop), blocks_(blocks), marker_(marker) {}
    // Requires that nothing is lent any more.
    ~lent_memory();
    lent_memory(const lent_memory&) = delete;
    lent_memory& operator=(const lent_memory&) = delete;

    // A slice of the plugin's own bytes, at most 4 GiB. `where` lives until `unused` has been
    // called, and with it the instance, whose number is for the crash marker.
    base::slice lend(std::string_view bytes, void (*unused)(void*), void* arg, std::uint32_t number,
                     std::shared_ptr<site> where);

    // Tells of all that has come back, now. The loop does so by itself; before worker_exit nobody
    // may be forgotten. Requires that no plugin is running.
    void settle();

private:
    struct loan;
    void give_back(base::block* b) noexcept override;
    void run_deferred() override { settle(); }

    net::loop& loop_;
    base::block_pool& blocks_;
    plugin::marker_slot& marker_;
    base::block* back_ = nullptr;  // Linked by `next`, the last to come first.
    base::block* spare_ = nullptr;
    std::size_t spare_count_ = 0;
};

}  // namespace pkernel::stream
