// Numbers for the conditions of all routes, so that a request's fields and parameters are read once
// however many routes ask about them.

#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "kernel/base/siphash.hpp"
#include "kernel/http/fields.hpp"
#include "kernel/route/hash_slots.hpp"
#include "kernel/route/number_set.hpp"
#include "pkernel/abi/request.h"

namespace pkernel::route {

class conditions {
public:
    static constexpr std::uint32_t size_max = number_set::size_max;

    explicit conditions(const base::siphash_key& key) : key_(key) { by_id_.fill(none); }

    // The number of a condition; the same condition has the same number. Names of fields are in
    // lower case. Requires size() < size_max.
    std::uint32_t arrives_at(std::uint32_t listener);
    std::uint32_t has_field(std::string_view name);
    std::uint32_t has_field(std::string_view name, std::string_view value);
    std::uint32_t has_parameter(std::string_view name);
    std::uint32_t has_parameter(std::string_view name, std::string_view value);

    std::uint32_t size() const noexcept { return count_; }

    // That the name is there at all, when `number` is about its value and this has a number; else
    // `none`. It holds whenever `number` does.
    std::uint32_t implied_by(std::uint32_t number) const noexcept;

    // Adds to `out` all that hold for the request. [any] Allocates nothing.
    void evaluate(const pk_request& request, const http::fields& fields, std::uint32_t listener,
                  number_set& out) const noexcept;

    std::size_t footprint_bytes() const noexcept;

private:
    enum class kind : std::uint32_t { field, parameter };

    struct asked_name {
        text_pool::text text;
        kind of;
        std::uint32_t presence = none;  // The number of "it is there".
        bool has_values = false;
    };

    struct asked_value {
        text_pool::text text;
        std::uint32_t name = none;
        std::uint32_t number = none;
    };

    std::uint64_t name_hash(kind of, std::string_view text) const noexcept;
    std::uint64_t value_hash(std::uint32_t name, const base::siphash& text) const noexcept;
    std::uint32_t find_name(kind of, std::uint64_t hash, std::string_view text) const noexcept;
    std::uint32_t add_name(kind of, std::string_view text);
    std::uint32_t presence(kind of, std::string_view name);
    std::uint32_t equality(kind of, std::string_view name, std::string_view value);
    std::uint32_t name_of_field(const pk_field& field) const noexcept;
    std::uint32_t name_of_parameter(std::string_view raw) const noexcept;
    void evaluate_field(const pk_field& field, number_set& out) const noexcept;
    void evaluate_parameter(std::string_view raw_name, std::string_view raw_value,
                            number_set& out) const noexcept;

    base::siphash_key key_;
    std::uint32_t count_ = 0;
    text_pool texts_;
    std::vector<std::uint32_t> by_listener_;
    std::array<std::uint32_t, PK_FIELD_COUNT> by_id_;  // Names of fields that have an id.
    std::vector<asked_name> names_;
    std::vector<asked_value> values_;
    std::vector<std::uint32_t> value_of_number_;  // Into values_, or none.
    hash_slots name_slots_;
    hash_slots value_slots_;
    std::uint64_t name_lengths_[2] = {0, 0};  // Of fields without an id, of parameters; modulo 64.
    bool has_fields_ = false;
    bool has_parameters_ = false;
};

}  // namespace pkernel::route
