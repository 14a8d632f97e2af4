// The canonical request as a plugin reads it: pk_request with std::string_view for pk_str.

#pragma once

#include <pkernel/abi/request.h>
#include <pkernel/text.hpp>

#include <optional>

namespace pk {

// A view: valid until the hook returns, its parts until set_part.
class request {
public:
    explicit request(const pk_request* r) noexcept : r_(r) {}

    std::uint32_t method_id() const noexcept { return r_->method_id; }  // PK_METHOD_...
    std::string_view method() const noexcept { return view(r_->method); }
    std::string_view scheme() const noexcept { return view(r_->scheme); }
    std::string_view authority() const noexcept { return view(r_->authority); }
    std::string_view host() const noexcept { return view(r_->host); }  // Lower case, no port.
    std::string_view path() const noexcept { return view(r_->path); }  // Raw.
    std::string_view path_normal() const noexcept { return view(r_->path_normal); }
    std::string_view query() const noexcept { return view(r_->query); }
    bool has_query() const noexcept { return r_->has_query != 0; }
    std::string_view id() const noexcept { return view(r_->id); }
    std::string_view route() const noexcept { return view(r_->route); }
    std::string_view listener() const noexcept { return view(r_->listener); }

    // PK_PATH_...: when one is set the path has a second reading. Allow only if every reading is
    // allowed; refuse if any is refused.
    std::uint32_t path_flags() const noexcept { return r_->path_flags; }

    bool safe() const noexcept { return has(PK_REQUEST_SAFE); }
    bool idempotent() const noexcept { return has(PK_REQUEST_IDEMPOTENT); }
    bool has_body() const noexcept { return has(PK_REQUEST_HAS_BODY); }
    bool secure() const noexcept { return has(PK_REQUEST_SECURE); }
    bool http10() const noexcept { return has(PK_REQUEST_HTTP10); }
    std::string_view upgrade() const noexcept { return view(r_->upgrade); }
    bool extended_connect() const noexcept { return has(PK_REQUEST_EXTENDED_CONNECT); }

    // As announced; a body may still come without it.
    std::optional<std::uint64_t> content_length() const noexcept {
        if (r_->content_length < 0) return std::nullopt;
        return static_cast<std::uint64_t>(r_->content_length);
    }

    const pk_address& peer() const noexcept { return r_->peer; }
    const pk_address& client() const noexcept { return r_->client; }
    const pk_address& local() const noexcept { return r_->local; }

    const pk_request& raw() const noexcept { return *r_; }

private:
    bool has(std::uint32_t flag) const noexcept { return (r_->flags & flag) != 0; }

    const pk_request* r_;
};

}  // namespace pk
