#include "kernel/runtime/generation_builder.hpp"

#include <algorithm>

#include <map>
#include <span>
#include <string>
#include <tuple>

#include "kernel/base/log.hpp"
#include "kernel/http/fields.hpp"
#include "kernel/plugin/plugin_file.hpp"
#include "kernel/route/router.hpp"
#include "kernel/stream/variables.hpp"
#include "kernel/upstream/endpoint_set.hpp"

namespace pkernel::runtime {

namespace {

using config::use_ptr;
using instance_ptr = std::shared_ptr<plugin::instance>;

// Forwarding fields, which an untrusted client may not set on any route (rule 13 of the ABI).
constexpr std::uint32_t forwarding_family[] = {
    PK_FIELD_FORWARDED,        PK_FIELD_X_FORWARDED_FOR,  PK_FIELD_X_FORWARDED_PROTO,
    PK_FIELD_X_FORWARDED_HOST, PK_FIELD_X_FORWARDED_PORT, PK_FIELD_X_FORWARDED_PREFIX,
    PK_FIELD_X_REAL_IP};

class routes_by_index final : public stream::route_finder {
public:
    explicit routes_by_index(route::router r) : router_(std::move(r)) {}
    std::uint32_t find(const pk_request& request, const http::fields& fields,
                       std::uint32_t listener) const override {
        return router_.find(request, fields, listener);
    }

private:
    const route::router router_;
};

void claim(stream::claimed_names& names, std::uint32_t id) {
    names.ids[id >> 6] |= std::uint64_t{1} << (id & 63);
}

// Bits of hooks that a table has.
std::uint32_t hooks_of(const pk_http_filter& h) noexcept {
    std::uint32_t bits = 0;
    const auto note = [&](bool has, std::uint32_t bit) { bits |= has ? bit : 0; };
    note(h.request_headers, PK_ON_REQUEST_HEADERS);
    note(h.request_data, PK_ON_REQUEST_DATA);
    note(h.request_end, PK_ON_REQUEST_END);
    note(h.informational, PK_ON_INFORMATIONAL);
    note(h.response_headers, PK_ON_RESPONSE_HEADERS);
    note(h.response_data, PK_ON_RESPONSE_DATA);
    note(h.response_end, PK_ON_RESPONSE_END);
    note(h.stream_end, PK_ON_STREAM_END);
    return bits;
}

// What a function of the instance's table lists, as long as the instance lives; nothing where the
// table has no such function.
std::span<const pk_str> list_of(const plugin::instance& i,
                                const pk_str* (*list)(void*, std::uint32_t*)) {
    if (!list) return {};
    std::uint32_t count = 0;
    const pk_str* first = i.ask([&](void* self) { return list(self, &count); });
    return {first, count};
}

// Where an instance stands, so that its successor is found.
using place_key = std::tuple<std::string, std::string, std::string, std::uint32_t>;
place_key place_of(const config::plugin_use& use) {
    return {use.point, use.owner, use.name, use.ordinal};
}

class builder {
public:
    builder(std::shared_ptr<const config::model> conf, const plugin::catalog& plugins,
            plugin::services& services, config::diagnostics& out, const stream::generation* running,
            upstream::discovery_port* port)
        : conf_(std::move(conf)),
          plugins_(plugins),
          services_(services),
          out_(out),
          running_(running),
          port_(port) {
        if (!running_) return;
        for (const auto& i : running_->instances) by_place_[place_of(i->use())] = i;
        for (const auto& u : running_->upstreams) upstreams_[u->name] = u.get();
    }

    std::shared_ptr<const stream::generation> build(build_purpose purpose) {
        plan_ = std::make_shared<stream::generation>();
        plan_->number = running_ ? running_->number + 1 : 1;
        plan_->model = conf_;
        for (const auto id : forwarding_family) claim(plan_->claimed, id);
        make_instances();
        make_upstreams();
        if (out_.errors() == 0) {
            make_listeners();
            make_routes();
            make_direct_routes();
            plan_->logs = logs(conf_->logs);
        }
        make_router();
        if (out_.errors() == 0 && purpose == build_purpose::start) start_instances();
        if (out_.errors() == 0) return plan_;
        plan_.reset();
        return nullptr;
    }

    void check_instances() {
        plan_ = std::make_shared<stream::generation>();
        make_instances();
        plan_.reset();
    }

private:
    void make_instances() {
        for (const use_ptr& use : conf_->uses)
            if (use->point == PK_TRANSPORT_ID && use->sound) make_instance(use);
        for (const use_ptr& use : conf_->uses)
            if (use->point != PK_TRANSPORT_ID && use->sound && !use->built_in) make_instance(use);
    }

    // Variables that a transport offers can be named by the options of those made after it.
    void make_instance(const use_ptr& use) {
        const auto before = by_place_.find(place_of(*use));
        instance_ptr made = before != by_place_.end() ? before->second : nullptr;
        if (!made || !made->serves_as(*use, plugins_)) {
            const instance_ptr predecessor = std::move(made);
            made = plugin::instance::create(use, plugins_, services_, out_);
            if (!made || !prepare(*made)) return;
            if (predecessor && !made->import_from(*predecessor, out_)) return;
            if (!made->validate(out_)) return;
            fresh_.push_back(made);
        }
        if (use->point == PK_TRANSPORT_ID) offer_variables(*made);
        by_use_[use.get()] = made;
        plan_->instances.push_back(std::move(made));
    }

    // A transport is told which side it is for.
    bool prepare(plugin::instance& made) {
        if (made.use().point != PK_TRANSPORT_ID) return true;
        const auto hooks = made.table<pk_transport>();
        if (!hooks.prepare) return true;
        const bool connects = std::any_of(
            conf_->upstreams.begin(), conf_->upstreams.end(),
            [&](const config::upstream& u) { return u.transport.get() == &made.use(); });
        return made.prepare(hooks.prepare, connects ? PK_SIDE_CONNECT : PK_SIDE_ACCEPT, out_);
    }

    void offer_variables(const plugin::instance& made) {
        std::uint32_t index = 0, number = 0;
        for (const pk_str& name : list_of(made, made.table<pk_transport>().variables)) {
            if (stream::variables::offer(http::to_view(name), number) == PK_OK)
                offered_[made.number()].emplace_back(number, index);
            ++index;
        }
    }

    void start_instances() {
        for (const auto& i : fresh_) i->start(out_);
        if (out_.errors() != 0) return;
        for (const auto& u : plan_->upstreams)
            if (u->feed) u->feed->open();
    }

    void make_upstreams() {
        for (const config::upstream& c : conf_->upstreams) {
            const upstream::upstream* before = running_upstream(c.name);
            auto u = std::make_shared<upstream::upstream>(before);
            u->conf = &c;
            u->name = c.name;
            if (c.transport && out_.errors() == 0) {
                u->transport = transport(c.transport, c.name);
                u->transport->names.emplace_back("http/1.1");
                u->transport->publish();
            }
            check_addresses(c);
            u->feed = feed(c, before);
            upstream::add_endpoints(*u, before, before && has_sources_of(*before, c));
            if (c.balancer && out_.errors() == 0)
                upstream::add_balancers(*u, by_use_.at(c.balancer.get()));
            upstream::publish(*u);
            if (out_.errors() == 0)
                for (const use_ptr& use : c.health)
                    upstream::add_health_source(*u, by_use_.at(use.get()));
            plan_->upstreams.push_back(std::move(u));
        }
    }

    // An address that does not fit is told where it stands; names are for the feed.
    void check_addresses(const config::upstream& c) {
        for (const config::endpoint& e : c.endpoints)
            if (e.address.kind != config::address_kind::name &&
                net::addresses_of(e.address).empty())
                out_.error(config::code::not_address, e.address.at,
                           "endpoint '" + e.address.text +
                               "' has no address: a unix socket's path has at most 107 bytes");
    }

    // The running one goes on where the same plugin finds the same names. The system is asked
    // anew, since nobody else asks it again.
    std::shared_ptr<upstream::feed> feed(const config::upstream& c,
                                         const upstream::upstream* before) const {
        if (!port_ || out_.errors() != 0 || !upstream::feed::is_needed(c)) return nullptr;
        const instance_ptr by = c.discovery ? by_use_.at(c.discovery.get()) : nullptr;
        if (by && before && before->feed && before->feed->serves(c, by.get())) return before->feed;
        return std::make_shared<upstream::feed>(c, by, *port_);
    }

    const upstream::upstream* running_upstream(const std::string& name) const {
        const auto found = upstreams_.find(name);
        return found != upstreams_.end() ? found->second : nullptr;
    }

    bool has_sources_of(const upstream::upstream& before, const config::upstream& c) const {
        return std::equal(before.health.begin(), before.health.end(), c.health.begin(),
                          c.health.end(), [this](const auto& source, const use_ptr& use) {
                              const auto found = by_use_.find(use.get());
                              return found != by_use_.end() && found->second == source->instance;
                          });
    }

    void make_listeners() {
        for (const config::listener& c : conf_->listeners) {
            auto l = std::make_shared<stream::listener_plan>();
            l->conf = std::make_shared<const config::listener>(c);
            l->index = static_cast<std::uint32_t>(plan_->listeners.size());
            l->connections = connections_of(c);
            l->name = c.name;
            l->head_limits = {c.limits.request_line, c.limits.field, c.limits.head,
                              c.limits.fields};
            l->logs = logs(c.logs);
            l->codec_limits = codec_limits(c.limits);
            for (const use_ptr& use : c.codecs) l->codecs.push_back(codec(*use));
            if (c.transport) {
                l->transport = transport(c.transport, c.name);
                l->secure = l->transport->secure();
                for (const auto& each : l->codecs)
                    for (const auto& name : each.protocols) l->transport->names.push_back(name);
                l->transport->publish();
            }
            plan_->listeners.push_back(std::move(l));
        }
    }

    std::shared_ptr<std::atomic<std::uint64_t>> connections_of(const config::listener& c) const {
        if (running_)
            for (const auto& before : running_->listeners)
                if (same_place(*before->conf, c)) return before->connections;
        return std::make_shared<std::atomic<std::uint64_t>>(0);
    }

    static pk_codec_limits codec_limits(const config::listener_limits& c) {
        return {sizeof(pk_codec_limits), c.fields,           c.head, c.field,
                c.request_line,          c.streams,          0,      c.streams_total,
                c.stream_window,         c.connection_window};
    }

    stream::codec_plan codec(const config::plugin_use& use) {
        stream::codec_plan made;
        if (use.built_in) {
            made.protocols.emplace_back("http/1.1");
            return made;
        }
        made.instance = by_use_.at(&use);
        made.hooks = made.instance->table<pk_codec>();
        for (const pk_str& name : list_of(*made.instance, made.hooks.protocols))
            made.protocols.emplace_back(http::to_view(name));
        return made;
    }

    std::unique_ptr<net::transport_plan> transport(const use_ptr& use, std::string place) {
        auto made = std::make_unique<net::transport_plan>();
        made->instance = by_use_.at(use.get());
        made->hooks = made->instance->table<pk_transport>();
        made->variables = offered_[made->instance->number()];
        made->place = std::move(place);
        return made;
    }

    std::vector<std::shared_ptr<stream::log_plan>> logs(const std::vector<use_ptr>& uses) {
        std::vector<std::shared_ptr<stream::log_plan>> all;
        for (const use_ptr& use : uses) {
            auto& made = logs_[use.get()];
            if (!made) {
                made = std::make_shared<stream::log_plan>();
                made->instance = by_use_.at(use.get());
                made->hooks = made->instance->table<pk_log>();
                plan_->all_logs.push_back(made);
            }
            all.push_back(made);
        }
        return all;
    }

    std::shared_ptr<stream::filter_plan> filter(const use_ptr& use) {
        auto& made = filters_[use.get()];
        if (made) return made;
        made = std::make_shared<stream::filter_plan>();
        made->instance = by_use_.at(use.get());
        made->hooks = made->instance->table<pk_http_filter>();
        made->interest = hooks_of(made->hooks);
        if (const auto interest = made->hooks.interest)
            made->interest &= made->instance->ask(interest);
        return made;
    }

    std::shared_ptr<stream::attempt_use> attempt(const use_ptr& use) {
        auto& made = attempts_[use.get()];
        if (made) return made;
        made = std::make_shared<stream::attempt_use>();
        made->instance = by_use_.at(use.get());
        made->hooks = made->instance->table<pk_attempt>();
        if (made->hooks.failed && made->hooks.judges)
            made->instance->ask([&](void* self) { made->hooks.judges(self, made->judged.words); });
        return made;
    }

    // The route's own list, else its upstream's.
    stream::attempt_policy attempts(const config::upstream& u, const config::route& r) {
        stream::attempt_policy p;
        for (const use_ptr& use : r.attempt.empty() ? u.attempt : r.attempt) {
            const auto& one = *p.uses.emplace_back(attempt(use));
            for (std::size_t i = 0; i < std::size(p.judged.words); ++i)
                p.judged.words[i] |= one.judged.words[i];
            if (one.hooks.keeps) p.keeps = std::max(p.keeps, one.instance->ask(one.hooks.keeps));
            if (one.hooks.spills)
                p.spills = std::max(p.spills, one.instance->ask(one.hooks.spills));
        }
        p.keeps = std::min(p.keeps, stream::attempt_policy::keeps_max);
        p.spills = std::min(p.spills, r.limits.spill);
        return p;
    }

    std::shared_ptr<stream::tunnel_plan> tunnel(const use_ptr& use) {
        auto& made = tunnels_[use.get()];
        if (made) return made;
        made = std::make_shared<stream::tunnel_plan>();
        made->instance = by_use_.at(use.get());
        made->hooks = made->instance->table<pk_tunnel>();
        for (const pk_str& name : list_of(*made->instance, made->hooks.protocols))
            made->protocols.emplace_back(http::to_view(name));
        return made;
    }

    void make_routes() {
        auto all = std::make_shared<stream::route_list>();
        for (const config::route& c : conf_->routes) {
            auto r = std::make_unique<stream::route_plan>();
            r->conf = &c;
            r->label = c.label;
            r->claimed = plan_->claimed;
            for (const use_ptr& use : c.filters) {
                r->filters.push_back(filter(use));
                r->interest |= r->filters.back()->interest;
                claim_vouched(*r->filters.back(), r->claimed);
            }
            r->logs = logs(c.logs);
            if (c.forward) {
                for (const use_ptr& use : c.upgrade) r->upgrades.push_back(tunnel(use));
                r->upstream = *c.forward;
                r->exchange = exchange_limits(conf_->upstreams[*c.forward], c);
                r->attempts = attempts(conf_->upstreams[*c.forward], c);
            } else {
                r->handler = std::make_shared<stream::handler_plan>();
                r->handler->instance = by_use_.at(c.handler.get());
                r->handler->hooks = r->handler->instance->table<pk_handler>();
            }
            all->push_back(std::move(r));
        }
        plan_->routes = std::move(all);
    }

    // A subrequest's body is here already, so it has no limit of a route.
    void make_direct_routes() {
        static const config::route plain = [] {
            config::route r;
            r.limits = {UINT64_MAX, 0, UINT64_MAX, {}};
            return r;
        }();
        auto all = std::make_shared<stream::route_list>();
        for (std::uint32_t i = 0; i < plan_->upstreams.size(); ++i) {
            auto r = std::make_unique<stream::route_plan>();
            r->conf = &plain;
            r->upstream = i;
            r->exchange = exchange_limits(conf_->upstreams[i], plain);
            r->attempts = attempts(conf_->upstreams[i], plain);
            all->push_back(std::move(r));
        }
        plan_->direct = std::move(all);
    }

    static void claim_vouched(const stream::filter_plan& f, stream::claimed_names& names) {
        for (const pk_str& vouched : list_of(*f.instance, f.hooks.vouches)) {
            const auto name = http::to_view(vouched);
            const auto id = http::field_id(name);
            if (id != PK_FIELD_OTHER)
                claim(names, id);
            else
                names.others.emplace_back(name);
        }
    }

    static upstream::exchange_limits exchange_limits(const config::upstream& u,
                                                     const config::route& r) {
        upstream::exchange_limits x;
        x.head.line_max = u.limits.response_head;
        x.head.field_max = u.limits.response_head;
        x.head.head_max = u.limits.response_head;
        x.head.fields_max = u.limits.response_fields;
        x.informational_max = u.limits.informational;
        x.send = r.timeouts.send.value_or(u.timeouts.send);
        x.response = r.timeouts.response.value_or(u.timeouts.response);
        x.stall = r.timeouts.stall.value_or(u.timeouts.stall);
        return x;
    }

    void make_router() {
        std::vector<const config::route*> routes;
        for (const auto& r : conf_->routes) routes.push_back(&r);
        std::vector<std::string> names;
        for (const auto& l : conf_->listeners) names.push_back(l.name);
        plan_->router =
            std::make_unique<routes_by_index>(route::router::build(routes, names, out_));
    }

    const std::shared_ptr<const config::model> conf_;
    const plugin::catalog& plugins_;
    plugin::services& services_;
    config::diagnostics& out_;
    const stream::generation* const running_;
    upstream::discovery_port* const port_;
    std::map<place_key, instance_ptr> by_place_;                       // Of the running one.
    std::map<std::string_view, const upstream::upstream*> upstreams_;  // The same.
    std::vector<instance_ptr> fresh_;
    std::shared_ptr<stream::generation> plan_;
    std::map<const config::plugin_use*, instance_ptr> by_use_;
    std::map<std::uint32_t, std::vector<std::pair<std::uint32_t, std::uint32_t>>> offered_;
    std::map<const config::plugin_use*, std::shared_ptr<stream::filter_plan>> filters_;
    std::map<const config::plugin_use*, std::shared_ptr<stream::tunnel_plan>> tunnels_;
    std::map<const config::plugin_use*, std::shared_ptr<stream::log_plan>> logs_;
    std::map<const config::plugin_use*, std::shared_ptr<stream::attempt_use>> attempts_;
};

}  // namespace

std::shared_ptr<const stream::generation> build_generation(
    std::shared_ptr<const config::model> conf, const plugin::catalog& plugins,
    plugin::services& services, build_purpose purpose, config::diagnostics& out,
    const stream::generation* running, upstream::discovery_port* port) {
    return builder(std::move(conf), plugins, services, out, running, port).build(purpose);
}

void check_instances(std::shared_ptr<const config::model> refused, const plugin::catalog& plugins,
                     plugin::services& services, config::diagnostics& out) {
    builder(std::move(refused), plugins, services, out, nullptr, nullptr).check_instances();
}

std::shared_ptr<const stream::generation> with_new_endpoints(const stream::generation& from,
                                                             std::vector<std::string>& lines) {
    std::shared_ptr<stream::generation> next;
    for (std::size_t i = 0; i < from.upstreams.size(); ++i) {
        std::string said;
        auto changed = upstream::with_new_endpoints(*from.upstreams[i], said);
        if (!changed) continue;
        if (!next) {
            next = std::make_shared<stream::generation>();
            *next = from;
        }
        next->upstreams[i] = std::move(changed);
        if (!said.empty()) lines.push_back(std::move(said));
    }
    return next;
}

bool same_place(const config::listener& a, const config::listener& b) {
    if (a.address.kind != b.address.kind || a.address.text != b.address.text) return false;
    const bool chosen = a.address.kind != config::address_kind::unix_socket && a.address.port == 0;
    return !chosen || a.name == b.name;
}

}  // namespace pkernel::runtime
