// Writes option tables of the kernel as constants:
//     constexpr pk_option workers = option("workers", PK_OPT_INTEGER, "…").at_least(1);

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "pkernel/abi/options.h"

namespace pkernel::config {

constexpr pk_str literal(std::string_view s) {
    return {s.data(), s.size()};
}

struct option : pk_option {
    constexpr option(std::string_view of_name, std::uint32_t of_type, std::string_view of_doc)
        : pk_option{} {
        name = literal(of_name);
        type = of_type;
        doc = literal(of_doc);
    }

    constexpr option with(std::uint32_t flag) const {
        option out = *this;
        out.flags |= flag;
        return out;
    }
    constexpr option required() const { return with(PK_OPTION_REQUIRED); }
    constexpr option main() const { return with(PK_OPTION_MAIN); }
    constexpr option not_empty() const { return with(PK_OPTION_NOT_EMPTY); }

    constexpr option by_default(std::string_view text) const {
        option out = *this;
        out.default_text = literal(text);
        return out;
    }
    constexpr option at_least(std::int64_t least) const {
        option out = with(PK_OPTION_HAS_MIN);
        out.min = least;
        return out;
    }
    constexpr option at_most(std::int64_t most) const {
        option out = with(PK_OPTION_HAS_MAX);
        out.max = most;
        return out;
    }
    // Of a list or map. `each` must have static storage, like all that a table points at.
    constexpr option of(const pk_option& each) const {
        option out = *this;
        out.element = &each;
        return out;
    }
    constexpr option of(const pk_option_table& nested) const {
        option out = *this;
        out.table = &nested;
        return out;
    }
    constexpr option at_point(std::string_view id) const {
        option out = *this;
        out.point = literal(id);
        return out;
    }
    template <std::size_t N>
    constexpr option one_of(const pk_str (&words)[N]) const {
        option out = *this;
        out.choices = words;
        out.choice_count = N;
        return out;
    }
};

template <std::size_t N>
constexpr pk_option_table table_of(const pk_option (&options)[N]) {
    return {sizeof(pk_option_table), sizeof(pk_option), options, N, 0};
}

}  // namespace pkernel::config
