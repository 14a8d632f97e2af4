// What each route asks beside host and path, in numbers: a bit for each method, and conditions.

#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace pkernel::route {

class rules {
public:
    static constexpr std::uint64_t every_method = ~std::uint64_t{0};

    struct rule {
        std::uint64_t methods = every_method;
        std::uint32_t first = 0;  // In numbers_.
        std::uint16_t required = 0, absent = 0;
    };

    void add(std::uint64_t methods, std::span<const std::uint32_t> required,
             std::span<const std::uint32_t> absent) {
        all_.push_back({methods, static_cast<std::uint32_t>(numbers_.size()),
                        static_cast<std::uint16_t>(required.size()),
                        static_cast<std::uint16_t>(absent.size())});
        numbers_.insert(numbers_.end(), required.begin(), required.end());
        numbers_.insert(numbers_.end(), absent.begin(), absent.end());
    }

    std::uint64_t methods(std::uint32_t route) const noexcept { return all_[route].methods; }
    // Conditions that must hold.
    std::span<const std::uint32_t> required(std::uint32_t route) const noexcept {
        return std::span(numbers_).subspan(all_[route].first, all_[route].required);
    }
    // Conditions that must not hold.
    std::span<const std::uint32_t> absent(std::uint32_t route) const noexcept {
        const rule& r = all_[route];
        return std::span(numbers_).subspan(r.first + r.required, r.absent);
    }
    bool conditional(std::uint32_t route) const noexcept {
        return all_[route].required || all_[route].absent;
    }

    std::size_t footprint_bytes() const noexcept {
        return all_.capacity() * sizeof(rule) + numbers_.capacity() * sizeof(std::uint32_t);
    }

private:
    std::vector<rule> all_;
    std::vector<std::uint32_t> numbers_;
};

}  // namespace pkernel::route
