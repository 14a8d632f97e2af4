// Finding the end of runs of harmless bytes: 16 at a time where the machine can, one by one
// elsewhere. Never reads at or behind `end`.

#pragma once

#include <bit>
#include <cstdint>

#include "kernel/http/characters.hpp"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace pkernel::http {

// The first byte that is no token byte.
inline const char* skip_token(const char* at, const char* end) noexcept {
    while (at != end && is_a(*at, char_token)) ++at;
    return at;
}

// The first colon among at most 32 bytes, the length that a well-known name may have; or `end`.
inline const char* find_colon(const char* at, const char* end) noexcept {
    const char* stop = end - at > 32 ? at + 32 : end;
#if defined(__SSE2__)
    const __m128i colon = _mm_set1_epi8(':');
    for (; stop - at >= 16; at += 16) {
        const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
        const auto hits = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(v, colon)));
        if (hits) return at + std::countr_zero(hits);
    }
#endif
    for (; at != stop; ++at)
        if (*at == ':') return at;
    return end;
}

// The first control byte, where anything up to `Least` - 1 and 0x7f counts as one: 0x20 for values
// (the tab too), 0x21 for a request target.
template <char Least>
inline const char* find_control(const char* at, const char* end) noexcept {
#if defined(__SSE2__)
    const __m128i greatest = _mm_set1_epi8(Least - 1);
    const __m128i del = _mm_set1_epi8(0x7f);
    for (; end - at >= 16; at += 16) {
        const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
        const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(v, greatest), v);
        const auto hits =
            static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(low, _mm_cmpeq_epi8(v, del))));
        if (hits) return at + std::countr_zero(hits);
    }
#endif
    for (; at != end; ++at) {
        const auto c = static_cast<unsigned char>(*at);
        if (c < static_cast<unsigned char>(Least) || c == 0x7f) return at;
    }
    return end;
}

// The first byte that may not stand in a field value.
inline const char* skip_value(const char* at, const char* end) noexcept {
    for (;;) {
        at = find_control<0x20>(at, end);
        if (at == end || *at != '\t') return at;
        ++at;
    }
}

}  // namespace pkernel::http
