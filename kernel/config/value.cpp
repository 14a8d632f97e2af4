#include "kernel/config/value.hpp"

#include <cstring>
#include <new>

#include "kernel/config/text.hpp"

namespace pkernel::config {

value* value_arena::make(std::size_t count) {
    auto* first = static_cast<value*>(memory_.allocate(count * sizeof(value), alignof(value)));
    for (std::size_t i = 0; i < count; ++i) new (first + i) value{};
    return first;
}

std::string_view value_arena::keep(std::string_view bytes) {
    if (bytes.empty()) return {};
    auto* copy = static_cast<char*>(memory_.allocate(bytes.size(), 1));
    std::memcpy(copy, bytes.data(), bytes.size());
    return {copy, bytes.size()};
}

pk_str value_arena::keep_str(std::string_view bytes) {
    return str(keep(bytes));
}

position position_of(const value& v) {
    return {view(v.file), v.line, v.column, v.length};
}

position position_of(const pk_node& n) {
    return {view(n.file), n.line, n.column, 0};
}

std::string shown(const value& v) {
    return in_quotes(v.raw.empty() ? view(v.text) : v.raw);
}

const value& child(const value& table, std::string_view name) {
    static const value absent{};
    for (std::uint32_t i = 0; i < table.count; ++i) {
        const value& v = element(table, i);
        if (v.option != nullptr && view(v.option->name) == name) return v;
    }
    return absent;
}

const value& element(const value& list, std::size_t index) {
    return static_cast<const value*>(list.first)[index];
}

}  // namespace pkernel::config
