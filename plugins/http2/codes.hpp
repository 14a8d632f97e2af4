// Words of the kernel for how a stream or connection ends, and those of RFC 9113 section 7.

#pragma once

#include <nghttp2/nghttp2.h>
#include <pkernel/abi/stream.h>

namespace http2 {

// Of a stream that the kernel resets.
constexpr std::uint32_t stream_code(std::uint32_t cause) noexcept {
    switch (cause) {
        case PK_END_COMPLETE:
            return NGHTTP2_NO_ERROR;
        case PK_END_CLIENT_ABORT:
        case PK_END_SHUTDOWN:
            return NGHTTP2_CANCEL;
        case PK_END_REFUSED:
            return NGHTTP2_REFUSED_STREAM;
        case PK_END_PROTOCOL:
            return NGHTTP2_PROTOCOL_ERROR;
        case PK_END_LIMIT:
            return NGHTTP2_ENHANCE_YOUR_CALM;
        default:
            return NGHTTP2_INTERNAL_ERROR;
    }
}

// Of a connection that the kernel closes.
constexpr std::uint32_t connection_code(std::uint32_t cause) noexcept {
    switch (cause) {
        case PK_END_PROTOCOL:
            return NGHTTP2_PROTOCOL_ERROR;
        case PK_END_LIMIT:
            return NGHTTP2_ENHANCE_YOUR_CALM;
        case PK_END_PLUGIN_ERROR:
            return NGHTTP2_INTERNAL_ERROR;
        default:
            return NGHTTP2_NO_ERROR;
    }
}

// What the kernel is told when we say goodbye with that code.
constexpr std::uint32_t cause_of(std::uint32_t connection_code) noexcept {
    switch (connection_code) {
        case NGHTTP2_NO_ERROR:
            return PK_END_COMPLETE;
        case NGHTTP2_ENHANCE_YOUR_CALM:
            return PK_END_LIMIT;
        case NGHTTP2_INTERNAL_ERROR:
            return PK_END_PLUGIN_ERROR;
        default:
            return PK_END_PROTOCOL;
    }
}

}  // namespace http2
