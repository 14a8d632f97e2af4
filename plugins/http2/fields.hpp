// Fields of a response in nghttp2's form.

#pragma once

#include <nghttp2/nghttp2.h>
#include <pkernel/fields.hpp>

#include <memory>
#include <string>
#include <vector>

namespace http2 {

// Points to both. nghttp2 copies them when they are submitted, the name in lower case.
inline nghttp2_nv pair_of(std::string_view name, std::string_view value) noexcept {
    const auto bytes = [](std::string_view text) {
        return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
    };
    return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

// Fields, with the bytes that they point to.
struct kept_fields {
    std::string bytes;
    std::vector<nghttp2_nv> list;
};

inline std::unique_ptr<kept_fields> keep(pk::field_list fields) {
    auto kept = std::make_unique<kept_fields>();
    std::size_t size = 0;
    for (pk::field f : fields) size += f.name.size() + f.value.size();
    kept->bytes.reserve(size);  // So that it does not move.
    const auto put = [&](std::string_view text) {
        const std::size_t at = kept->bytes.size();
        kept->bytes.append(text);
        return std::string_view(kept->bytes).substr(at);
    };
    for (pk::field f : fields) {
        const std::string_view name = put(f.name);
        kept->list.push_back(pair_of(name, put(f.value)));
    }
    return kept;
}

}  // namespace http2
