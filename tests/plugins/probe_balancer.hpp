// The probe as a balancer: asks an inner one, and puts what was picked into the response.

#pragma once

#include <pkernel/plugin.hpp>

#include <string>

namespace probe {

struct balancer_settings {
    pk::inner_balancer inner;
    std::int64_t pick = -1;
    std::string_view field;
    bool results = false;
};
constexpr auto balancer_schema = pk::schema<balancer_settings>(
    pk::inner_plugin("inner", &balancer_settings::inner, "Asked where `pick` says nothing."),
    pk::integer("pick", &balancer_settings::pick, "Always this one."),
    pk::field_name("field", &balancer_settings::field, "Its value tells what was picked."),
    pk::boolean("results", &balancer_settings::results, "Logs each result."));

class balancer {
public:
    balancer(const balancer_settings& conf, pk::host& h)
        : inner_(conf.inner),
          pick_(conf.pick),
          field_(conf.field),
          results_(conf.results),
          host_(h) {}

    std::uint32_t pick(const pk::pick& p) const {
        const auto index = pick_ >= 0 ? static_cast<std::uint32_t>(pick_) : inner_.pick(p);
        // Its own memory, in whatever depth it stands.
        const auto turn = p.endpoint_count() > 0 ? ++p.words(0)[0] : 0;
        if (field_.empty()) return index;
        const auto value =
            std::to_string(index) + "/" + std::to_string(p.attempt()) + "/" + std::to_string(turn);
        const bool good = p.response_field(field_, value) == PK_OK;
        const bool refuses = p.response_field("content-length", "1") == PK_INVALID &&
                             p.response_field("x", "a\nb") == PK_INVALID;
        if (!good || !refuses) host_.log(PK_LOG_ERROR, "response_field answers wrongly");
        return index;
    }

    void on_result(const pk_endpoints&, std::uint32_t index, std::uint32_t cause,
                   std::uint64_t) const {
        if (!results_) return;
        host_.log(PK_LOG_INFO, "result of " + std::to_string(index) + ": " + std::to_string(cause));
    }

private:
    const pk::inner_balancer inner_;
    const std::int64_t pick_;
    const std::string field_;
    const bool results_;
    const pk::host host_;
};

}  // namespace probe
