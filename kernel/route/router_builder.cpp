#include "kernel/route/router_builder.hpp"

#include <algorithm>
#include <utility>

#include "kernel/http/target.hpp"

namespace pkernel::route {

namespace {

using config::code;

constexpr std::size_t host_bytes_max = 253;  // RFC 1035 as text.
constexpr std::uint8_t method_bits_max = 64;

std::string quoted(std::string_view text) {
    return "'" + std::string(text) + "'";
}

}  // namespace

router router::build(const std::vector<const config::route*>& routes,
                     const std::vector<std::string>& listener_names, config::diagnostics& out) {
    return router_builder(routes, listener_names, out).build();
}

router router_builder::build() {
    for (std::uint32_t i = 0; i < routes_.size(); ++i) prepare(i);
    make_index();
    if (leave_out_unreachable()) make_index();
    return std::move(made_);
}

bool router_builder::complain(code number, config::position at, std::string message) {
    out_.error(number, at, std::move(message));
    return false;
}

void router_builder::prepare(std::uint32_t route) {
    const auto& match = routes_[route]->match;
    prepared made;
    required_.clear();
    absent_.clear();
    bool ok = read_path(match, made.path);
    for (const auto& host : match.hosts)
        if (host.text.size() > host_bytes_max)
            ok = complain(code::bad_host, match.at,
                          "a host name of more than 253 bytes cannot be asked for");
    const auto methods = method_mask(match, ok);
    ok = has_room_for(match) && read_listener(match) && read_conditions(match) && ok;
    made_.rules_.add(methods, required_, absent_);
    made.indexed = ok;
    prepared_.push_back(std::move(made));
}

bool router_builder::read_path(const config::match& match, std::string& out) {
    if (match.path_is == config::path_kind::none) return true;
    http::path_reading reading;
    if (!match.path.starts_with('/') || !http::read_path(match.path, arena_, reading))
        return complain(code::not_path, match.path_at,
                        quoted(match.path) + " is not a path that a request can have");
    out = reading.normal;
    arena_.reset();
    if (match.path_is == config::path_kind::prefix && out.ends_with('/')) out.pop_back();
    return true;
}

std::uint64_t router_builder::method_mask(const config::match& match, bool& ok) {
    if (match.methods.empty()) return rules::every_method;
    std::uint64_t mask = 0;
    for (const auto& name : match.methods) {
        const auto bit = method_bit(name);
        if (!bit)
            ok = complain(code::bad_match, match.at,
                          "the routes name more than 63 different methods");
        mask |= bit;
    }
    return mask;
}

// 0 when there are too many.
std::uint64_t router_builder::method_bit(const std::string& name) {
    auto& known = made_.methods_;
    const auto id = http::method_id(name);
    const auto bit = known.of(id, name);
    if (bit != 1) return bit;
    if (method_bits_used_ == method_bits_max) return 0;
    const auto added = method_bits_used_++;
    if (id != PK_METHOD_OTHER) {
        known.by_id[id] = added;
    } else {
        known.others.push_back(name);
        known.other_bits.push_back(added);
    }
    return std::uint64_t{1} << added;
}

bool router_builder::read_listener(const config::match& match) {
    if (!match.listener) return true;
    const auto at = std::ranges::find(listeners_, *match.listener);
    if (at == listeners_.end())
        return complain(code::unknown_listener, match.at,
                        "there is no listener " + quoted(*match.listener));
    require(made_.conditions_.arrives_at(static_cast<std::uint32_t>(at - listeners_.begin())),
            true);
    return true;
}

void router_builder::require(std::uint32_t condition, bool present) {
    (present ? required_ : absent_).push_back(condition);
}

bool router_builder::has_room_for(const config::match& match) {
    const auto all = match.headers.size() + match.query.size() + match.listener.has_value();
    if (all <= UINT16_MAX && made_.conditions_.size() + all <= conditions::size_max) return true;
    return complain(code::bad_match, match.at,
                    "the routes have more than 131072 different conditions");
}

bool router_builder::read_conditions(const config::match& match) {
    bool ok = true;
    for (const auto& condition : match.headers) ok = read_field(condition) && ok;
    for (const auto& c : match.query)
        require(c.value ? made_.conditions_.has_parameter(c.name, *c.value)
                        : made_.conditions_.has_parameter(c.name),
                c.present);
    return ok;
}

// The request's Host has become its authority: no field of the name is left to look at.
bool router_builder::read_field(const config::name_match& c) {
    if (c.name == "host")
        return complain(code::bad_match, c.at, "the field 'host' is matched by the key 'host'");
    require(c.value ? made_.conditions_.has_field(c.name, *c.value)
                    : made_.conditions_.has_field(c.name),
            c.present);
    return true;
}

std::vector<place> router_builder::places_of(std::uint32_t route) const {
    const auto& match = routes_[route]->match;
    const bool exact = match.path_is == config::path_kind::exact;
    const std::string_view path = prepared_[route].path;
    if (match.hosts.empty()) return {{host_is::any, {}, exact, path}};
    std::vector<place> out;
    for (const auto& host : match.hosts)
        out.push_back({host.suffix ? host_is::below : host_is::name, host.text, exact, path});
    return out;
}

void router_builder::make_index() {
    made_.index_ = index(base::process_siphash_key());
    for (std::uint32_t i = 0; i < routes_.size(); ++i)
        if (prepared_[i].indexed)
            for (const place& where : places_of(i)) made_.index_.add(where, i);
    made_.index_.finish(made_.rules_, made_.conditions_.size());
}

}  // namespace pkernel::route
