// Small questions about text that error messages ask.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pkernel::config {

// Number of edits (insert, delete, replace, swap of neighbours) from `a` to `b`, without regard to
// case; at most 64 bytes of each are looked at.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The candidate that `word` most likely meant, or an empty view when none is near.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

// "did you mean 'x'?", or nothing when x is empty.
std::string did_you_mean(std::string_view nearest_word);

// 'text', cut to 60 characters.
std::string in_quotes(std::string_view text);

// "a, b, c", at most 24 of them.
std::string joined(std::span<const std::string_view> words);

// Control characters and malformed UTF-8 as \xNN.
std::string printable(std::string_view text);

// Length in bytes of the UTF-8 character at the front of `text`; 0 if it is malformed (overlong
// forms, surrogates and what is beyond U+10FFFF included) or text is empty.
std::size_t utf8_length(std::string_view text);

std::size_t characters(std::string_view utf8);

std::string lower(std::string_view ascii);

// RFC 9110 token.
bool is_token(std::string_view text);

}  // namespace pkernel::config
