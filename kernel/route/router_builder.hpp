// From the routes of the config to a router. Private to this folder.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernel/base/arena.hpp"
#include "kernel/route/router.hpp"

namespace pkernel::route {

class router_builder {
public:
    router_builder(const std::vector<const config::route*>& routes,
                   const std::vector<std::string>& listener_names, config::diagnostics& out)
        : routes_(routes), listeners_(listener_names), out_(out) {}

    router build();

private:
    struct prepared {
        std::string path;     // Normal, without the last slash of a prefix.
        bool indexed = true;  // Without errors, and reachable.
    };

    void prepare(std::uint32_t route);
    bool read_path(const config::match& match, std::string& out);
    std::uint64_t method_mask(const config::match& match, bool& ok);
    std::uint64_t method_bit(const std::string& name);
    bool has_room_for(const config::match& match);
    bool read_conditions(const config::match& match);
    bool read_field(const config::name_match& condition);
    bool read_listener(const config::match& match);
    void require(std::uint32_t condition, bool present);
    void make_index();
    bool leave_out_unreachable();
    std::vector<std::uint32_t> takers(std::uint32_t route) const;
    void warn_unreachable(std::uint32_t route, const std::vector<std::uint32_t>& takers);
    bool complain(config::code number, config::position at, std::string message);
    std::vector<place> places_of(std::uint32_t route) const;

    const std::vector<const config::route*>& routes_;
    const std::vector<std::string>& listeners_;
    config::diagnostics& out_;
    router made_{base::process_siphash_key()};
    std::vector<prepared> prepared_;
    std::uint8_t method_bits_used_ = 1;
    std::vector<std::uint32_t> required_, absent_;  // Of the route at hand.
    base::block_pool blocks_;
    base::arena arena_{blocks_};
};

}  // namespace pkernel::route
