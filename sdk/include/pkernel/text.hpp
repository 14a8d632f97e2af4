// Bytes at the boundary: pk_str to and from std::string_view, and text built without the heap.

#pragma once

#include <pkernel/abi/base.h>

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace pk {

constexpr std::string_view view(const pk_str& s) noexcept {
    return {s.data, static_cast<std::size_t>(s.size)};
}

constexpr pk_str str(std::string_view s) noexcept {
    return {s.data(), s.size()};
}

constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// ASCII letters compare without regard to case, as field names and tokens do.
constexpr bool same_token(std::string_view a, std::string_view b) noexcept {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (lower(a[i]) != lower(b[i])) return false;
    }
    return true;
}

// Without leading and trailing spaces and tabs (RFC 9110 OWS).
constexpr std::string_view trimmed(std::string_view s) noexcept {
    const auto first = s.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return s.substr(first, s.find_last_not_of(" \t") - first + 1);
}

// Up to N bytes on the stack. What does not fit is left out whole, and overflowed() stays true:
// a caller never sends a value that was cut without its knowledge.
template <std::size_t N>
class fixed_text {
public:
    fixed_text& operator<<(std::string_view s) noexcept {
        if (s.size() > N - size_) {
            overflowed_ = true;
        } else if (!s.empty()) {
            std::memcpy(text_ + size_, s.data(), s.size());
            size_ += s.size();
        }
        return *this;
    }

    fixed_text& operator<<(char c) noexcept { return *this << std::string_view(&c, 1); }

    template <std::integral I>
    requires(!std::same_as<I, char> && !std::same_as<I, bool>) fixed_text& operator<<(
        I number) noexcept {
        char digits[24];
        const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
        return *this << std::string_view(digits, static_cast<std::size_t>(end - digits));
    }

    std::string_view view() const noexcept { return {text_, size_}; }
    operator std::string_view() const noexcept { return view(); }
    std::size_t size() const noexcept { return size_; }
    bool overflowed() const noexcept { return overflowed_; }
    void clear() noexcept { size_ = 0, overflowed_ = false; }

private:
    std::size_t size_ = 0;
    bool overflowed_ = false;
    char text_[N];
};

}  // namespace pk
