// What of a request's body is kept so that another attempt can begin at its first byte.

#pragma once

#include <algorithm>

#include "kernel/base/scratch.hpp"
#include "kernel/base/slice_queue.hpp"

namespace pkernel::stream {

// One of a request; its worker's thread. Blocks are on the account given to begin.
class replay_body {
public:
    // Room that must stay on the account for what else the connection does.
    static constexpr std::size_t spare = 64 * 1024;
    // Shorter pieces are copied together: a byte must not keep a block alive.
    static constexpr std::size_t share_min = 4096;

    explicit replay_body(base::block_pool& pool) noexcept : scratch_(pool) {}

    void begin(std::size_t bytes_max, base::block_account* account) noexcept {
        clear();
        bytes_max_ = bytes_max;
        account_ = account;
        scratch_.charge_to(account);
    }
    // The next bytes of the body. Past the limit, or short of memory, all is let go.
    void take(const base::slice& data) {
        if (lost_) return;
        const bool fits = kept_.held() + data.size() <= bytes_max_ &&
                          (!account_ || account_->has_room(spare + data.size()));
        if (!fits) return lose();
        if (data.size() >= share_min)
            kept_.push(data);
        else if (!data.empty())
            kept_.push(scratch_.copy(data.view()));
    }
    // All that was taken is here.
    bool whole() const noexcept { return !lost_; }
    std::size_t bytes() const noexcept { return kept_.bytes(); }
    void copy_to(base::slice_queue& to) const {
        std::for_each(kept_.begin(), kept_.begin() + kept_.count(),
                      [&](const base::slice& s) { to.push(s); });
    }
    // Nothing will be sent again.
    void lose() noexcept {
        lost_ = true;
        kept_.clear();
        scratch_.reset();
    }
    void clear() noexcept {
        lose();
        lost_ = false;
        bytes_max_ = 0;
    }

private:
    std::size_t bytes_max_ = 0;
    base::block_account* account_ = nullptr;
    base::slice_queue kept_;
    base::scratch scratch_;
    bool lost_ = false;
};

}  // namespace pkernel::stream
