// The kinds of options: how each shows a default, reads a node, and describes itself in C.

#pragma once

#include <pkernel/detail/default_text.hpp>

#include <array>
#include <limits>

namespace pk::detail {

template <const auto& Schema>
struct table_of;  // option_table.hpp

// A kind with its bounds: an option's value, or what each element of a list or map is.
template <class Kind>
struct element {
    Kind kind = {};
    std::uint32_t bounds = 0;  // PK_OPTION_HAS_...
    std::int64_t min = 0;
    std::int64_t max = 0;

    constexpr element at_least(std::int64_t v) const {
        element e = *this;
        e.bounds |= PK_OPTION_HAS_MIN;
        e.min = v;
        return e;
    }
    constexpr element at_most(std::int64_t v) const {
        element e = *this;
        e.bounds |= PK_OPTION_HAS_MAX;
        e.max = v;
        return e;
    }

    // A default outside its own bounds is a mistake of the plugin: it does not compile.
    template <class T>
    constexpr void check_default(const T& value) const {
        if constexpr (number<T>) {
            const auto v = static_cast<std::int64_t>(value);
            if ((bounds & PK_OPTION_HAS_MIN) != 0 && v < min) throw "default below at_least()";
            if ((bounds & PK_OPTION_HAS_MAX) != 0 && v > max) throw "default above at_most()";
        }
    }
};

template <std::uint32_t Type>
struct scalar {
    static constexpr std::uint32_t type = Type;
    template <class T>
    constexpr void show(default_text& out, const T& value) const {
        show_scalar<Type>(out, value);
    }
    template <class T>
    void read(const pk_node& node, T& out) const {
        read_scalar(node, out);
    }
};

// The range of a narrow member is a bound by itself: nothing is ever cut on reading.
template <std::uint32_t Type, class M>
constexpr element<scalar<Type>> range_of() {
    element<scalar<Type>> e;
    if constexpr (is_optional<M>) {
        const auto inner = range_of<Type, typename M::value_type>();
        e.bounds = inner.bounds, e.min = inner.min, e.max = inner.max;
    } else if constexpr (number<M> && (Type == PK_OPT_INTEGER || Type == PK_OPT_SIZE)) {
        if constexpr (std::unsigned_integral<M> && Type == PK_OPT_INTEGER) e = e.at_least(0);
        if constexpr (sizeof(M) < 8) {
            e = e.at_most(std::numeric_limits<M>::max());
            if constexpr (std::signed_integral<M>) e = e.at_least(std::numeric_limits<M>::min());
        }
    }
    return e;
}

template <std::size_t N>
struct choices {
    static constexpr std::uint32_t type = PK_OPT_ENUM;
    std::array<pk_str, N> words;

    template <class T>
    constexpr void show(default_text& out, const T& value) const {
        if constexpr (is_optional<T>) {
            if (value) show(out, *value);
        } else {
            out.put(view(words[static_cast<std::size_t>(value)]));
        }
    }
    template <class T>
    void read(const pk_node& node, T& out) const {
        read_scalar(node, out);
    }
};

template <class Kind>
struct list_of {
    static constexpr std::uint32_t type = PK_OPT_LIST;
    element<Kind> inner;

    template <class T>
    constexpr void show(default_text& out, const std::vector<T>& values) const {
        if (values.empty()) return;
        out.put("[");
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (i > 0) out.put(", ");
            inner.kind.show(out, values[i]);
        }
        out.put("]");
    }
    template <class T>
    void read(const pk_node& node, std::vector<T>& out) const {
        out.clear();
        out.resize(node.count);
        for (std::uint32_t i = 0; i < node.count; ++i) inner.kind.read(child(node, i), out[i]);
    }
};

template <class Kind>
struct map_of {
    static constexpr std::uint32_t type = PK_OPT_MAP;
    element<Kind> inner;

    template <class T>
    constexpr void show(default_text&, const T&) const {}  // A map is empty unless it is given.
    template <class T>
    void read(const pk_node& node, map<T>& out) const {
        out.clear();
        out.resize(node.count);
        for (std::uint32_t i = 0; i < node.count; ++i) {
            out[i].first = view(child(node, i).key);
            inner.kind.read(child(node, i), out[i].second);
        }
    }
};

// An instance of another plugin, made by the kernel inside this one. T says at which point.
template <class T>
struct inner {
    static constexpr std::uint32_t type = PK_OPT_PLUGIN;
    static constexpr std::string_view point = T::point;

    constexpr void show(default_text&, const T&) const {}
    void read(const pk_node& node, T& out) const { out = T(node.handle); }
};

template <const auto& Schema>
struct nested {
    static constexpr std::uint32_t type = PK_OPT_TABLE;

    template <class T>
    constexpr void show(default_text&, const T&) const {}  // Its options show their own.
    template <class T>
    void read(const pk_node& node, T& out) const {
        if constexpr (is_optional<T>) {
            Schema.read(node, out.emplace());
        } else {
            Schema.read(node, out);
        }
    }
};

}  // namespace pk::detail
