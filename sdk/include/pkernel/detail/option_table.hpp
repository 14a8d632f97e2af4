// Turns a schema constant into the C tables that the kernel reads: static data, made by the
// compiler.

#pragma once

#include <pkernel/schema.hpp>

namespace pk::detail {

template <class Kind>
concept container = requires(const Kind& k) {
    k.inner;
};

// What an option's elements are, `Depth` levels down.
template <std::size_t Depth, class Kind>
constexpr const auto& descend(const element<Kind>& e) {
    if constexpr (Depth == 0) {
        return e;
    } else {
        return descend<Depth - 1>(e.kind.inner);
    }
}

template <const auto& Schema, std::size_t I, std::size_t Depth>
constexpr pk_option option_at();

template <const auto& Schema, std::size_t I, std::size_t Depth>
inline constexpr pk_option element_of = option_at<Schema, I, Depth>();

template <class Kind>
struct nested_schema : std::false_type {};
template <const auto& Schema>
struct nested_schema<nested<Schema>> : std::true_type {
    static constexpr const pk_option_table* table = &table_of<Schema>::table;
};

// The type, bounds and parts of option I, or of its elements; names and text only at the top.
template <const auto& Schema, std::size_t I, std::size_t Depth>
constexpr pk_option option_at() {
    constexpr const auto& declared = std::get<I>(Schema.options);
    constexpr const auto& e = descend<Depth>(declared.value);
    using kind = std::remove_cvref_t<decltype(e.kind)>;
    pk_option o{};
    o.type = kind::type;
    o.flags = e.bounds | (Depth == 0 ? declared.flags : declared.flags & PK_OPTION_SECRET);
    o.min = e.min;
    o.max = e.max;
    if constexpr (Depth == 0) {
        o.name = str(declared.name);
        o.doc = str(declared.doc);
        o.since = str(declared.since_version);
        o.default_text = declared.written_default.empty()
                             ? pk_str{declared.shown.text, declared.shown.size}
                             : str(declared.written_default);
    }
    if constexpr (kind::type == PK_OPT_ENUM) {
        o.choices = e.kind.words.data();
        o.choice_count = static_cast<std::uint32_t>(e.kind.words.size());
    }
    if constexpr (kind::type == PK_OPT_PLUGIN) o.point = str(kind::point);
    if constexpr (container<kind>) o.element = &element_of<Schema, I, Depth + 1>;
    if constexpr (nested_schema<kind>::value) o.table = nested_schema<kind>::table;
    return o;
}

template <const auto& Schema>
struct table_of {
    static constexpr std::size_t count =
        std::tuple_size_v<std::remove_cvref_t<decltype(Schema.options)>>;

    template <std::size_t... I>
    static constexpr std::array<pk_option, count> make(std::index_sequence<I...>) {
        return {option_at<Schema, I, 0>()...};
    }
    static constexpr std::array<pk_option, count> options = make(std::make_index_sequence<count>());
    static constexpr pk_option_table table{sizeof(pk_option_table), sizeof(pk_option),
                                           options.data(), static_cast<std::uint32_t>(count), 0};
};

}  // namespace pk::detail
