#include "kernel/stream/claims.hpp"

namespace pkernel::stream {

namespace {

constexpr std::string_view family = "x-forwarded-";
// Becomes HTTP_PROXY in the environment of a CGI program, which would send its own requests there.
constexpr std::string_view httpoxy = "proxy";

// Fields whose other spelling (`_` for `-`) an origin could take for what we set, strip or read.
constexpr std::uint32_t own_ids[] = {PK_FIELD_HOST,
                                     PK_FIELD_CONNECTION,
                                     PK_FIELD_CONTENT_LENGTH,
                                     PK_FIELD_TRANSFER_ENCODING,
                                     PK_FIELD_TE,
                                     PK_FIELD_TRAILER,
                                     PK_FIELD_UPGRADE,
                                     PK_FIELD_KEEP_ALIVE,
                                     PK_FIELD_PROXY_CONNECTION,
                                     PK_FIELD_EXPECT,
                                     PK_FIELD_VIA};

std::string_view folded(std::string_view name, base::arena& arena) {
    auto* out = static_cast<char*>(arena.allocate(name.size(), 1));
    for (std::size_t i = 0; i < name.size(); ++i) {
        const char c = name[i];
        out[i] = c == '_' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    }
    return {out, name.size()};
}

bool claims(const claimed_names& names, std::string_view name, std::uint32_t id, bool other_form) {
    if (id != PK_FIELD_OTHER) {
        if (names.claims(id)) return true;
        if (other_form)
            for (const auto own : own_ids)
                if (id == own) return true;
        return false;
    }
    if (name.starts_with(family) || name == httpoxy) return true;
    for (const auto& other : names.others)
        if (other == name) return true;
    return false;
}

}  // namespace

void set_claims_aside(http::fields& all, const claimed_names& names, base::arena& arena,
                      http::fields* aside) {
    const bool plain = !all.has_any(names.ids) && !all.has_underscore() && !all.has(PK_FIELD_OTHER);
    if (plain) return;
    all.remove_if([&](const pk_field& f) {
        std::string_view name = http::to_view(f.name);
        std::uint32_t id = f.id;
        const bool underscore = name.find('_') != std::string_view::npos;
        if (id == PK_FIELD_OTHER) {
            // Most unknown names are settled by their first letter or their size.
            const bool may_be_ours = (name[0] | 0x20) == 'x' || name.size() == httpoxy.size();
            if (!underscore && !may_be_ours && names.others.empty()) return false;
            name = folded(name, arena);
            if (underscore) id = http::field_id(name);
        }
        if (!claims(names, name, id, underscore)) return false;
        if (!underscore && aside)
            aside->append(http::to_view(f.name), http::to_view(f.value), f.id);
        return true;
    });
}

}  // namespace pkernel::stream
