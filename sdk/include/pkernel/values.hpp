// What settings are made of: a C++ type for each option type, and how a node is read into it.
//
//   boolean   bool                       address  pk::socket_address
//   integer   any integer                cidr     pk::network
//   byte_size any integer, bytes         file     pk::file_content
//   duration  any std::chrono::duration  choice   an enum class, in the order of its words
//   status    any integer                list     std::vector<T>
//   rate      pk::rate_value             map      pk::map<T>
//   text, path, field_name, field_value  std::string_view
//   inner_plugin  a wrapper such as pk::inner_balancer
//   table     a struct with a schema     any of them in std::optional, where absent means something
// Views in settings live as long as the instance.

#pragma once

#include <pkernel/abi/options.h>
#include <pkernel/address.hpp>

#include <chrono>
#include <optional>
#include <utility>
#include <vector>

namespace pk {

// `count` in each `period`: 100/s, 5/10s.
struct rate_value {
    std::int64_t count = 0;
    std::chrono::nanoseconds period = std::chrono::seconds(1);
};

// What the kernel read from the file, where the file lies, and where the config names it: an error
// about it points there (host.hpp). All three live as long as the instance.
struct file_content {
    std::string_view bytes;
    std::string_view path;
    const pk_node* node = nullptr;
};

// In the config's order.
template <class T>
using map = std::vector<std::pair<std::string_view, T>>;

namespace detail {

template <class T>
inline constexpr bool is_duration = false;
template <class R, class P>
inline constexpr bool is_duration<std::chrono::duration<R, P>> = true;
template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <class T>
concept textual = std::same_as<T, std::string_view>;
template <class T>
concept number = std::integral<T> && !std::same_as<T, bool>;

// Whether a member of type T can hold an option of that type.
template <std::uint32_t Type, class T>
consteval bool fits() {
    if constexpr (is_optional<T>) return fits<Type, typename T::value_type>();
    switch (Type) {
        case PK_OPT_BOOL:
            return std::same_as<T, bool>;
        case PK_OPT_INTEGER:
        case PK_OPT_SIZE:
        case PK_OPT_STATUS:
            return number<T>;
        case PK_OPT_DURATION:
            return is_duration<T>;
        case PK_OPT_RATE:
            return std::same_as<T, rate_value>;
        case PK_OPT_ADDRESS:
            return std::same_as<T, socket_address>;
        case PK_OPT_CIDR:
            return std::same_as<T, network>;
        case PK_OPT_FILE:
            return std::same_as<T, file_content>;
        case PK_OPT_ENUM:
            return std::is_enum_v<T>;
        default:
            return textual<T>;
    }
}

template <class T>
void read_scalar(const pk_node& node, T& out) {
    if constexpr (is_optional<T>) {
        read_scalar(node, out.emplace());
    } else if constexpr (std::same_as<T, bool>) {
        out = node.integer != 0;
    } else if constexpr (number<T> || std::is_enum_v<T>) {
        out = static_cast<T>(node.integer);
    } else if constexpr (is_duration<T>) {
        out = std::chrono::duration_cast<T>(std::chrono::nanoseconds(node.integer));
    } else if constexpr (std::same_as<T, rate_value>) {
        out = {node.integer, std::chrono::nanoseconds(node.period)};
    } else if constexpr (std::same_as<T, socket_address>) {
        out = {node.address, view(node.text)};
    } else if constexpr (std::same_as<T, network>) {
        out = {node.address};
    } else if constexpr (std::same_as<T, file_content>) {
        out = {view(node.text), view(node.path), &node};
    } else {
        out = view(node.text);
    }
}

// Children of a list, map or table, whatever the kernel's stride.
inline const pk_node& child(const pk_node& node, std::uint32_t i) noexcept {
    const auto* first = reinterpret_cast<const char*>(node.first);
    return *reinterpret_cast<const pk_node*>(first + std::size_t{node.stride} * i);
}

}  // namespace detail
}  // namespace pk
