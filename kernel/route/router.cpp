#include "kernel/route/router.hpp"

#include <algorithm>

namespace pkernel::route {

namespace {

class request_asker {
public:
    request_asker(const rules& about, const conditions& all, std::uint64_t method,
                  const pk_request& request, const http::fields& fields, std::uint32_t listener)
        : rules_(about),
          conditions_(all),
          method_(method),
          request_(request),
          fields_(fields),
          listener_(listener) {}

    bool accepts(std::uint32_t route) noexcept {
        if (!(rules_.methods(route) & method_)) return false;
        if (!rules_.conditional(route)) return true;
        const number_set& now = holds();
        const auto holds_now = [&](std::uint32_t c) { return now.has(c); };
        return std::ranges::all_of(rules_.required(route), holds_now) &&
               std::ranges::none_of(rules_.absent(route), holds_now);
    }

    const number_set& holds() noexcept {
        if (!evaluated_) conditions_.evaluate(request_, fields_, listener_, holds_);
        evaluated_ = true;
        return holds_;
    }

private:
    const rules& rules_;
    const conditions& conditions_;
    const std::uint64_t method_;
    const pk_request& request_;
    const http::fields& fields_;
    const std::uint32_t listener_;
    bool evaluated_ = false;
    number_set holds_;
};

}  // namespace

std::uint64_t router::method_bits::of(std::uint32_t id, std::string_view method) const noexcept {
    if (id != PK_METHOD_OTHER && id < by_id.size()) return std::uint64_t{1} << by_id[id];
    for (std::size_t i = 0; i < others.size(); ++i)
        if (others[i] == method) return std::uint64_t{1} << other_bits[i];
    return 1;
}

std::uint32_t router::find(const pk_request& request, const http::fields& fields,
                           std::uint32_t listener, search_cost& cost) const noexcept {
    const auto method = methods_.of(request.method_id, http::to_view(request.method));
    request_asker asker(rules_, conditions_, method, request, fields, listener);
    const auto host = http::to_view(request.host);
    const place where{host.empty() ? host_is::any : host_is::name, host, true,
                      http::to_view(request.path_normal)};
    return index_.first(where, asker, none, cost);
}

std::size_t router::footprint_bytes() const noexcept {
    return sizeof *this + conditions_.footprint_bytes() + rules_.footprint_bytes() +
           index_.footprint_bytes();
}

}  // namespace pkernel::route
