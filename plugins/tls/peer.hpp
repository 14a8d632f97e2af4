// What a connection tells about itself and the client's certificate, as the variables tls.*.

#pragma once

#include <pkernel/transport.hpp>

#include <optional>
#include <string>
#include <string_view>

#include "openssl.hpp"

namespace tls {

inline constexpr pk_str variable_names[] = {
    pk::str("tls.version"),      pk::str("tls.cipher"),   pk::str("tls.sni"),
    pk::str("tls.peer.subject"), pk::str("tls.peer.san"), pk::str("tls.peer.fingerprint")};

// The value of one; false: there is none. A certificate that was not verified is not told of.
bool variable(SSL* ssl, std::uint32_t index, std::string& into);

}  // namespace tls
