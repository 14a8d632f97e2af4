// sticky: a cookie says which endpoint a client had last; who has none gets one, and another
// balancer picks for them.
//
// The cookie's value is HMAC-SHA-256 of the endpoint's address under the secret, cut to 128 bits:
// it tells nothing about the address, and nobody without the secret can make one. The values of a
// snapshot are computed once a worker; a pick only looks one up.

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <pkernel/plugin.hpp>
#include <pkernel/rendezvous.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace {

constexpr std::size_t secret_bytes_min = 16;
constexpr std::size_t cookie_bytes_max = 64;
constexpr std::size_t path_bytes_max = 256;

enum class same_site { lax, strict, none };

struct settings {
    std::string_view cookie = "pk_sticky";
    std::string_view secret;
    pk::inner_balancer fallback;
    std::string_view path = "/";
    std::chrono::seconds max_age{0};
    same_site site = same_site::lax;
    bool secure = false;
};

constexpr auto schema = pk::schema<settings>(
    pk::inner_plugin("fallback", &settings::fallback, "Picks where no cookie does.").required(),
    pk::text("secret", &settings::secret, "Signs the cookie; the same on all proxies, 16 or more.")
        .required()
        .secret(),
    pk::text("cookie", &settings::cookie, "Name of the cookie.").not_empty(),
    pk::field_value("path", &settings::path, "Path of the cookie."),
    pk::duration("max_age", &settings::max_age, "How long browsers keep it; 0s: until they close.")
        .at_least(0),
    pk::choice("same_site", &settings::site, pk::words("lax", "strict", "none"),
               "Which requests of other sites carry it."),
    pk::boolean("secure", &settings::secure, "Only over TLS."));

using mark = std::array<char, 32>;  // Of an endpoint, as it stands in the cookie.

mark mark_of(std::string_view secret, std::string_view address) {
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    if (HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
             reinterpret_cast<const unsigned char*>(address.data()), address.size(), bytes,
             &size) == nullptr)
        throw std::runtime_error("HMAC-SHA-256 is not available");
    static constexpr char digits[] = "0123456789abcdef";
    mark out;
    for (std::size_t i = 0; i < out.size() / 2; ++i) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    return out;
}

class sticky {
public:
    sticky(const settings& conf, pk::host& h)
        : secret_(conf.secret),
          cookie_(conf.cookie),
          attributes_(attributes_of(conf)),
          fallback_(conf.fallback),
          parts_(h.worker_count()) {
        if (secret_.size() < secret_bytes_min)
            throw pk::config_error("secret", "secret must have at least 16 bytes");
        if (cookie_.size() > cookie_bytes_max ||
            !std::all_of(cookie_.begin(), cookie_.end(), plain))
            throw pk::config_error("cookie",
                                   "cookie has letters, digits, - and _ only, 64 at most");
        if (conf.path.size() > path_bytes_max || !conf.path.starts_with('/') ||
            conf.path.find(';') != std::string_view::npos)
            throw pk::config_error("path", "path must begin with '/', without ';', 256 at most");
        if (conf.site == same_site::none && !conf.secure)
            throw pk::config_error("same_site", "same_site: none needs secure: true");
        (void)mark_of(secret_, "");
    }

    static constexpr bool ties_clients = true;

    std::uint32_t pick(const pk::pick& p) const {
        const part& marks = part_of(p);
        const std::uint32_t had = named_by_cookie(p, marks);
        if (had != pk::no_endpoint) return had;
        const std::uint32_t chosen = fallback_.pick(p);
        if (chosen < p.endpoint_count()) {
            pk::fixed_text<512> line;
            const mark& m = marks.of[chosen];
            line << cookie_ << '=' << std::string_view(m.data(), m.size()) << attributes_;
            // One that has no room for it serves the request all the same.
            (void)p.response_field("Set-Cookie", line);
        }
        return chosen;
    }

private:
    struct entry {
        std::uint64_t hash;
        std::uint32_t index;
    };
    struct alignas(64) part {
        std::uint64_t version = 0;
        std::vector<mark> of;       // By endpoint.
        std::vector<entry> sorted;  // By hash of the mark.
    };

    static bool plain(char c) noexcept {
        const char l = pk::lower(c);
        return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    }

    static std::string attributes_of(const settings& conf) {
        static constexpr std::string_view sites[] = {"Lax", "Strict", "None"};
        std::string out = "; Path=" + std::string(conf.path) + "; HttpOnly; SameSite=";
        out += sites[static_cast<std::size_t>(conf.site)];
        if (conf.secure) out += "; Secure";
        if (conf.max_age.count() > 0) out += "; Max-Age=" + std::to_string(conf.max_age.count());
        return out;
    }

    const part& part_of(const pk::pick& p) const {
        part& mine = parts_[p.worker()];
        if (mine.version == p.version()) return mine;
        mine = {};
        for (std::uint32_t i = 0; i < p.endpoint_count(); ++i) {
            mine.of.push_back(mark_of(secret_, pk::view(p.endpoint(i).address)));
            mine.sorted.push_back({hash_of(mine.of.back()), i});
        }
        std::sort(mine.sorted.begin(), mine.sorted.end(),
                  [](const entry& a, const entry& b) { return a.hash < b.hash; });
        mine.version = p.version();
        return mine;
    }

    static std::uint64_t hash_of(const mark& m) noexcept {
        return pk::hash_of({m.data(), m.size()});
    }

    // The endpoint that a cookie of the request names; the first such cookie counts.
    std::uint32_t named_by_cookie(const pk::pick& p, const part& marks) const noexcept {
        for (const pk::field f : p.request_fields().each("cookie")) {
            for (auto rest = f.value; !rest.empty();) {
                const auto end = std::min(rest.find(';'), rest.size());
                const std::uint32_t found = named_by(p, marks, rest.substr(0, end));
                if (found != pk::no_endpoint) return found;
                rest.remove_prefix(std::min(end + 1, rest.size()));
            }
        }
        return pk::no_endpoint;
    }

    std::uint32_t named_by(const pk::pick& p, const part& marks,
                           std::string_view pair) const noexcept {
        while (pair.starts_with(' ')) pair.remove_prefix(1);
        mark given;
        if (pair.size() != cookie_.size() + 1 + given.size() || !pair.starts_with(cookie_) ||
            pair[cookie_.size()] != '=')
            return pk::no_endpoint;
        pair.copy(given.data(), given.size(), cookie_.size() + 1);
        const std::uint64_t hash = hash_of(given);
        auto at = std::lower_bound(marks.sorted.begin(), marks.sorted.end(), hash,
                                   [](const entry& e, std::uint64_t h) { return e.hash < h; });
        for (; at != marks.sorted.end() && at->hash == hash; ++at) {
            const mark& ours = marks.of[at->index];
            if (CRYPTO_memcmp(ours.data(), given.data(), given.size()) == 0 &&
                may_be_picked(p, at->index))
                return at->index;
        }
        return pk::no_endpoint;
    }

    // Of those that are drained, too: a cookie is older than that.
    static bool may_be_picked(const pk::pick& p, std::uint32_t index) noexcept {
        if (p.all()) return true;
        for (std::uint32_t i = 0; i < p.count(); ++i)
            if (p.candidate(i) == index) return true;
        for (std::uint32_t i = 0; i < p.draining_count(); ++i)
            if (p.draining(i) == index) return true;
        return false;
    }

    const std::string secret_;
    const std::string cookie_;
    const std::string attributes_;
    const pk::inner_balancer fallback_;
    mutable std::vector<part> parts_;  // Each touched by its worker alone.
};

}  // namespace

PKERNEL_PLUGIN("sticky", "1.0.0", "A client stays with its endpoint by a signed cookie.",
               pk::balancer<sticky, schema>);
