#include "kernel/stream/spool.hpp"

#include <algorithm>

#include "kernel/stream/context.hpp"

namespace pkernel::stream {

spool::spool(context& c, spill_op::callback moved, void* owner) noexcept
    : context_(c),
      moved_(moved),
      owner_(owner),
      scratch_(c.blocks),
      writer_(
          c, [](void* self) { static_cast<spool*>(self)->written(); }, this),
      reader_(
          c,
          [](void* self) {
              auto* me = static_cast<spool*>(self);
              me->broken_ = me->reader_.error() != 0;
              me->moved_(me->owner_);
          },
          this) {}

void spool::begin(const bounds& b, base::block_account* account) noexcept {
    reset();
    bounds_ = b;
    account_ = account;
    scratch_.charge_to(account);
    begun_ = true;
}

void spool::begin_reading(const spool& other, base::block_account* account) noexcept {
    begin({}, account);
    file_ = other.file_;
    file_bytes_ = other.file_bytes_;
    rewind();
    lose();
}

bool spool::crowded(std::size_t more) const noexcept {
    return kept_.bytes() + more > bounds_.memory_max ||
           (account_ && !account_->has_room(spare + more));
}

void spool::take(const base::slice& data) {
    if (data.empty() || (lost_ && !reading_)) return;
    if (!lost_) {
        const bool spills = bounds_.bytes_max > bounds_.memory_max;
        if (spills && bytes() + data.size() > bounds_.bytes_max) fail(place::too_long);
        if (!spills && crowded(data.size()))
            fail(kept_.bytes() + data.size() > bounds_.memory_max ? place::too_long
                                                                  : place::no_memory);
        if (lost_ && !reading_) return;
        if (!lost_ && place_ == place::nowhere) place_ = place::memory;
    }
    keep(data);
    write_on();
}

// What is a plugin's own or the stream's might go while it is written.
void spool::keep(const base::slice& data) {
    const base::block* owner = data.owner();
    if (data.size() >= share_min && owner && !owner->lender) return kept_.push(data);
    for (auto rest = data.view(); !rest.empty();) {
        const auto piece = rest.substr(0, share_min);
        kept_.push(scratch_.copy(piece));
        rest.remove_prefix(piece.size());
    }
}

void spool::write_on() {
    if (lost_ || writer_.running() || kept_.empty()) return;
    if (!file_ && !crowded(0)) return;
    if (!file_) file_ = std::make_shared<spill_file>(context_, *bounds_.conf);
    writing_ = spill_op::size_of_write(kept_);
    if (!file_->reserve(writing_) || !writer_.write(file_, file_bytes_, kept_))
        return fail(place::no_disk);
    place_ = place::file;
}

void spool::written() {
    // What was lost meanwhile stays in memory, where it is read from if it still is.
    if (!lost_ && writer_.error() != 0) {
        fail(place::no_disk);
    } else if (!lost_) {
        kept_.consume(writing_);
        file_bytes_ += writing_;
        write_on();
    }
    moved_(owner_);
}

std::size_t spool::backlog() const noexcept {
    const auto waits = writer_.running() ? kept_.held() : 0;
    return reading_ ? waits + step : waits;
}

void spool::rewind() noexcept {
    reader_.forget();
    cursor_ = 0;
    reading_ = bytes() > 0;
}

bool spool::next(base::slice_queue& to) {
    if (broken_ || reader_.running()) return false;
    if (base::slice got = reader_.take(); !got.empty()) {
        cursor_ += got.size();
        to.push(std::move(got));
        caught_up();
        return true;
    }
    if (cursor_ < file_bytes_) {
        broken_ = !reader_.read(file_, cursor_, file_bytes_ - cursor_, account_);
        return false;
    }
    auto skip = static_cast<std::size_t>(cursor_ - file_bytes_);
    std::size_t given = 0;
    for (const base::slice* s = kept_.begin(); s != kept_.begin() + kept_.count(); ++s) {
        if (skip >= s->size()) {
            skip -= s->size();
            continue;
        }
        base::slice rest = *s;
        rest.drop_front(std::exchange(skip, 0));
        given += rest.size();
        to.push(std::move(rest));
        if (given >= step) break;
    }
    cursor_ += given;
    caught_up();
    return true;
}

void spool::caught_up() noexcept {
    if (cursor_ < bytes()) return;
    reading_ = false;
    if (lost_) drop();
}

void spool::fail(place why) noexcept {
    place_ = why;
    lose();
}

void spool::drop() noexcept {
    writer_.forget();
    reader_.forget();
    kept_.clear();
    scratch_.reset();
    file_.reset();
    file_bytes_ = cursor_ = 0;
    bounds_ = {};
    begun_ = false;
}

}  // namespace pkernel::stream
