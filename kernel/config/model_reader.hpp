// Checked values to the model: what options mean beyond their own form.

#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/config/diagnostic.hpp"
#include "kernel/config/model.hpp"
#include "kernel/config/plugin_catalog.hpp"
#include "kernel/config/value.hpp"

namespace pkernel::config {

class model_reader {
public:
    // `uses` are those that the values of the kernel's sections count.
    model_reader(const std::vector<use_ptr>& uses, plugin_catalog& plugins, diagnostics& out)
        : uses_(uses), plugins_(plugins), out_(out) {}

    // Reads what is there, also when parts of it are absent because they were wrong.
    std::shared_ptr<model> read(const value& root);

private:
    // What every section needs.
    use_ptr use(const value& plugin, const std::string& owner);
    std::vector<use_ptr> use_list(const value& list, const std::string& owner);
    bool name_ok(std::string_view name, const value& where);
    void error(code number, const value& at, std::string message);
    void error(code number, const value& at, std::string message, std::string hint,
               std::string note);

    void spill(const value& v, model& m);
    void listener(const value& v, model& m);
    void upstream(const value& v, model& m);
    void endpoint(const value& v, config::upstream& u, std::set<std::string>& seen);
    void needs_balancer(const value& v, const config::upstream& u);

    // route_reader.cpp
    void routes(const value& list, const value& defaults, model& m);
    void route(const value& v, const value& defaults, std::size_t index, model& m);
    void chain(const value& v, const value& defaults, config::route& r);
    void end(const value& v, const value& defaults, config::route& r, const model& m);
    void forward(const value& v, config::route& r, const model& m);

    // match_reader.cpp
    config::match match(const value& v, const model& m);
    void hosts(const value& list, config::match& out);
    void path(const value& v, config::match& out);
    void methods(const value& list, config::match& out);
    std::vector<name_match> conditions(const value& map, bool fields);
    void match_listener(const value& v, config::match& out, const model& m);

    void unused_upstreams(const model& m);

    const std::vector<use_ptr>& uses_;
    plugin_catalog& plugins_;
    diagnostics& out_;
    std::map<std::string, std::uint32_t> ordinals_;
    std::map<std::string, position> addresses_, listener_names_, route_names_;
    std::map<std::string, std::uint32_t, std::less<>> upstream_index_;
    std::map<const value*, use_ptr> taken_;  // A use of `defaults` is taken once for all routes.
};

}  // namespace pkernel::config
