// Options, declared once: reader, checks, error texts, JSON Schema and reference page all come from
// one line a setting.
//
//   struct settings { std::uint64_t limit = 1 << 20; std::vector<std::string_view> names; };
//   constexpr auto schema = pk::schema<settings>(
//       pk::byte_size("limit", &settings::limit, "Largest body let through.").at_least(1),
//       pk::list("names", &settings::names, pk::field_name(), "Fields that are looked at."));
//
// The default shown is the member's initialiser; .default_text() where that cannot be written in
// the config. values.hpp says which C++ type each option type takes.

#pragma once

#include <pkernel/detail/default_text.hpp>
#include <pkernel/detail/kinds.hpp>

#include <tuple>

namespace pk {

// One option of Settings. The modifiers give a changed copy, so that they chain in the declaration.
template <class Settings, class Member, class Kind>
struct option {
    std::string_view name;
    Member Settings::*member;
    detail::element<Kind> value;
    std::string_view doc;
    std::uint32_t flags = 0;
    std::string_view written_default = {};
    std::string_view since_version = {};
    detail::default_text shown = {};

    constexpr option at_least(std::int64_t v) const { return bounded(value.at_least(v)); }
    constexpr option at_most(std::int64_t v) const { return bounded(value.at_most(v)); }
    constexpr option at_least(std::chrono::nanoseconds v) const { return at_least(v.count()); }
    constexpr option at_most(std::chrono::nanoseconds v) const { return at_most(v.count()); }
    // May be given as the plugin's bare value. One option of a table.
    constexpr option main() const { return flagged(PK_OPTION_MAIN); }
    constexpr option required() const { return flagged(PK_OPTION_REQUIRED); }
    constexpr option secret() const { return flagged(PK_OPTION_SECRET); }
    constexpr option not_empty() const { return flagged(PK_OPTION_NOT_EMPTY); }
    constexpr option default_text(std::string_view text) const {
        option o = *this;
        o.written_default = text;
        return o;
    }
    constexpr option since(std::string_view version) const {
        option o = *this;
        o.since_version = version;
        return o;
    }

    constexpr option with_default_of(const Settings& defaults) const {
        option o = *this;
        if ((flags & PK_OPTION_REQUIRED) != 0 || !written_default.empty()) return o;
        value.kind.show(o.shown, defaults.*member);
        value.check_default(defaults.*member);
        return o;
    }

    void read(const pk_node& node, Settings& out) const {
        if (node.type != PK_OPT_NONE) value.kind.read(node, out.*member);
    }

private:
    constexpr option bounded(detail::element<Kind> e) const {
        option o = *this;
        o.value = e;
        return o;
    }
    constexpr option flagged(std::uint32_t flag) const {
        option o = *this;
        o.flags |= flag;
        return o;
    }
};

namespace detail {

// pk::integer("name", &settings::member, "doc") declares an option; pk::integer() says what the
// elements of a list or map are.
template <std::uint32_t Type>
struct scalar_builder {
    template <class S, class M>
    constexpr auto operator()(std::string_view name, M S::*member, std::string_view doc) const {
        static_assert(fits<Type, M>(), "the member's type cannot hold this option: values.hpp");
        return option<S, M, scalar<Type>>{name, member, range_of<Type, M>(), doc};
    }
    constexpr element<scalar<Type>> operator()() const { return {}; }
};

template <class Settings, class... Options>
struct schema_of {
    using settings = Settings;
    std::tuple<Options...> options;

    void read(const pk_node& table, Settings& out) const {
        read_each(table, out, std::index_sequence_for<Options...>());
    }

private:
    template <std::size_t... I>
    void read_each(const pk_node& table, Settings& out, std::index_sequence<I...>) const {
        ((I < table.count ? std::get<I>(options).read(child(table, I), out) : void()), ...);
    }
};

}  // namespace detail

inline constexpr detail::scalar_builder<PK_OPT_BOOL> boolean;
inline constexpr detail::scalar_builder<PK_OPT_INTEGER> integer;
inline constexpr detail::scalar_builder<PK_OPT_TEXT> text;
inline constexpr detail::scalar_builder<PK_OPT_SIZE> byte_size;
inline constexpr detail::scalar_builder<PK_OPT_DURATION> duration;
inline constexpr detail::scalar_builder<PK_OPT_RATE> rate;
inline constexpr detail::scalar_builder<PK_OPT_ADDRESS> address;
inline constexpr detail::scalar_builder<PK_OPT_CIDR> cidr;
inline constexpr detail::scalar_builder<PK_OPT_PATH> path;
inline constexpr detail::scalar_builder<PK_OPT_FILE> file;
inline constexpr detail::scalar_builder<PK_OPT_FIELD_NAME> field_name;
inline constexpr detail::scalar_builder<PK_OPT_FIELD_VALUE> field_value;
inline constexpr detail::scalar_builder<PK_OPT_STATUS> status;

// choice("format", &settings::format, pk::words("json", "combined"), "doc")
template <class... Words>
constexpr auto words(Words... w) {
    return detail::element<detail::choices<sizeof...(Words)>>{{{str(w)...}}};
}
template <class S, class M, std::size_t N>
constexpr auto choice(std::string_view name, M S::*member,
                      detail::element<detail::choices<N>> among, std::string_view doc) {
    static_assert(detail::fits<PK_OPT_ENUM, M>(), "a choice goes into an enum class");
    return option<S, M, detail::choices<N>>{name, member, among, doc};
}

template <class S, class T, class Kind>
constexpr auto list(std::string_view name, std::vector<T> S::*member, detail::element<Kind> of,
                    std::string_view doc) {
    return option<S, std::vector<T>, detail::list_of<Kind>>{name, member, {{of}}, doc};
}
template <class S, class T, class Kind>
constexpr auto map_of(std::string_view name, map<T> S::*member, detail::element<Kind> of,
                      std::string_view doc) {
    return option<S, map<T>, detail::map_of<Kind>>{name, member, {{of}}, doc};
}

// inner_plugin("fallback", &settings::fallback, "doc"): an instance of another plugin inside this
// one, such as a pk::inner_balancer. Absent: its wrapper is false.
template <class S, class T>
constexpr auto inner_plugin(std::string_view name, T S::*member, std::string_view doc) {
    return option<S, T, detail::inner<T>>{name, member, {}, doc};
}

// Lists inside of maps and lists: map_of("m", &settings::m, list_of(integer()), "doc").
template <class Kind>
constexpr auto list_of(detail::element<Kind> of) {
    return detail::element<detail::list_of<Kind>>{{of}};
}

// A nested table; its schema is another constant: table<tls_schema>("tls", &settings::tls, "doc").
template <const auto& Schema>
constexpr detail::element<detail::nested<Schema>> table() {
    return {};
}
template <const auto& Schema, class S, class M>
constexpr auto table(std::string_view name, M S::*member, std::string_view doc) {
    return option<S, M, detail::nested<Schema>>{name, member, {}, doc};
}

template <class Settings, class... Options>
constexpr auto schema(Options... options) {
    Settings defaults{};  // Not const: GCC 12 refuses a const vector here.
    return detail::schema_of<Settings, Options...>{{options.with_default_of(defaults)...}};
}

}  // namespace pk
