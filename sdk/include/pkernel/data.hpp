// Body bytes as they pass: a run of slices, not one string.

#pragma once

#include <pkernel/text.hpp>

#include <iterator>

namespace pk {

class data {
public:
    class iterator {
    public:
        using value_type = std::string_view;
        using difference_type = std::ptrdiff_t;

        iterator() = default;
        explicit iterator(const pk_slice_view& v) : at_(v.first), left_(v.count), step_(v.stride) {}

        std::string_view operator*() const noexcept { return {at_->data, at_->size}; }
        const pk_slice& slice() const noexcept { return *at_; }
        iterator& operator++() noexcept {
            at_ = reinterpret_cast<const pk_slice*>(reinterpret_cast<const char*>(at_) + step_);
            --left_;
            return *this;
        }
        void operator++(int) noexcept { ++*this; }
        bool operator==(std::default_sentinel_t) const noexcept { return left_ == 0; }

    private:
        const pk_slice* at_ = nullptr;
        std::uint32_t left_ = 0;
        std::uint32_t step_ = 0;
    };

    explicit data(const pk_slice_view& v, std::uint32_t flags = 0) noexcept
        : view_(v), flags_(flags) {}

    iterator begin() const noexcept { return iterator(view_); }
    std::default_sentinel_t end() const noexcept { return {}; }

    std::uint64_t size() const noexcept {
        std::uint64_t sum = 0;
        for (std::string_view part : *this) sum += part.size();
        return sum;
    }

    // The sender wants what came so far to go on at once.
    bool flush() const noexcept { return (flags_ & PK_DATA_FLUSH) != 0; }
    const pk_slice_view& slices() const noexcept { return view_; }

private:
    pk_slice_view view_;
    std::uint32_t flags_;
};

}  // namespace pk
