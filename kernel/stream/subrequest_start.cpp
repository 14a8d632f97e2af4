// From what a plugin asks for to a child stream that is ready to begin; and the service's table.

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "kernel/http/head.hpp"
#include "kernel/http/target.hpp"
#include "kernel/stream/host_calls.hpp"
#include "kernel/stream/stream.hpp"
#include "kernel/stream/stream_services.hpp"
#include "kernel/stream/subrequest.hpp"

namespace pkernel::stream {

namespace {

template <class T, class View, class F>
void each(const View& all, F&& f) {
    const auto* at = reinterpret_cast<const char*>(all.first);
    for (std::uint32_t i = 0; i < all.count; ++i, at += all.stride)
        f(*reinterpret_cast<const T*>(at));
}

// The method, the parts of the target, the authority. False: one of them is not legal.
bool set_line(stream& child, const stream* parent, const pk_subrequest& what) {
    pk_request& r = child.request;
    base::arena& a = child.arena;
    const auto method = http::to_view(what.method);
    r.method_id = http::method_id(method);
    if (!http::is_token(method) || r.method_id == PK_METHOD_CONNECT ||
        r.method_id == PK_METHOD_TRACE)
        return false;
    r.method = http::to_str(a.copy(method));
    r.flags = http::method_flags(r.method_id);
    r.scheme = {"http", 4};
    if (parent) {
        r.flags |= parent->request.flags & PK_REQUEST_SECURE;
        r.scheme = parent->request.flags & PK_REQUEST_SECURE ? pk_str{"https", 5} : r.scheme;
        r.peer = parent->request.peer;
        r.client = parent->request.client;
        r.local = parent->request.local;
    }
    const pk_str* authority = &what.authority;
    if (!authority->size && parent) authority = &parent->request.authority;
    if (authority->size) {
        const auto text = a.copy(http::to_view(*authority));
        std::string_view host;
        if (!http::read_authority(text, a, host, r.authority_port)) return false;
        r.authority = http::to_str(text);
        r.host = http::to_str(host);
    }
    std::string_view path, query;
    if (what.target.size) {
        const auto target = a.copy(http::to_view(what.target));
        const auto mark = target.find('?');
        path = target.substr(0, mark);
        r.has_query = mark != std::string_view::npos;
        if (r.has_query) query = target.substr(mark + 1);
    } else if (parent) {
        path = a.copy(http::to_view(parent->request.path));
        query = a.copy(http::to_view(parent->request.query));
        r.has_query = parent->request.has_query;
    }
    http::path_reading reading;
    if (path.empty() || path[0] != '/' || !http::read_path(path, a, reading)) return false;
    const auto stray = [](unsigned char c) { return c <= ' ' || c == 0x7f || c == '#'; };
    if (std::any_of(query.begin(), query.end(), stray)) return false;
    r.path = http::to_str(path);
    r.path_normal = http::to_str(reading.normal);
    r.path_flags = reading.flags;
    r.query = http::to_str(query);
    return true;
}

bool set_fields(stream& child, const pk_subrequest& what) {
    bool legal = what.fields.count <= stream::fields_max;
    if (!legal) return false;
    each<pk_field>(what.fields, [&](const pk_field& f) {
        const auto name = f.name.size ? http::to_view(f.name) : http::field_name(f.id);
        const auto value = http::to_view(f.value);
        const auto id = http::field_id(name);
        if (!http::is_token(name) || !http::is_field_value(value) || is_kernels_field(id)) {
            legal = false;
            return;
        }
        child.head.headers.append(child.arena.copy(name), child.arena.copy(value), id);
    });
    return legal;
}

// Slices with a block of this worker are referenced, others copied.
// `more` bytes follow from elsewhere.
void set_body(stream& child, const pk_slice_view& from, base::slice_queue& body,
              std::uint64_t more) {
    each<pk_slice>(from, [&](const pk_slice& s) {
        if (!s.size) return;
        if (s.block)
            return body.push(base::slice(s.data, s.size, static_cast<base::block*>(s.block)));
        const auto copy = child.arena.copy({s.data, s.size});
        body.push(base::slice(copy.data(), copy.size(), nullptr));
    });
    pk_request& r = child.request;
    const bool asks_for_one = r.method_id == PK_METHOD_POST || r.method_id == PK_METHOD_PUT ||
                              r.method_id == PK_METHOD_PATCH;
    const std::uint64_t length = body.bytes() + more;
    if (length == 0 && !asks_for_one) return;
    r.content_length = static_cast<std::int64_t>(length);
    if (length > 0) r.flags |= PK_REQUEST_HAS_BODY;
    child.head.headers.append("Content-Length", child.arena.copy(std::to_string(length)),
                              PK_FIELD_CONTENT_LENGTH);
}

// The endpoint of that address in the upstream. False: there is none.
bool find_endpoint(const upstream::upstream& u, const pk_subrequest& what, pinned_endpoint& to) {
    for (std::uint32_t i = 0; i < u.endpoints.size(); ++i) {
        if (u.endpoints[i].key.address != http::to_view(what.endpoint)) continue;
        to = {i, static_cast<std::uint16_t>(what.endpoint_port),
              (what.flags & PK_SUB_CONNECT) != 0};
        return true;
    }
    return false;
}

// Where it goes past the routes: to an upstream, perhaps to one endpoint of it.
struct straight {
    const route_plan* route = nullptr;
    pinned_endpoint to;
};

pk_status find_straight(const generation& plan, const pk_subrequest& what, straight& found) {
    if (!what.upstream.size) return PK_OK;
    const auto& all = plan.upstreams;
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (all[i]->name != http::to_view(what.upstream)) continue;
        found.route = (*plan.direct)[i].get();
        if (what.endpoint.size && !find_endpoint(*all[i], what, found.to)) return PK_NOT_FOUND;
        return PK_OK;
    }
    return PK_NOT_FOUND;
}

// What a mere connect says stands in no request, so it is not looked at.
void as_connect(pk_subrequest& what) {
    what.method = {"GET", 3};
    what.target = {"/", 1};
    what.authority = {};
    what.fields = {nullptr, 0, sizeof(pk_field)};
    what.body = {nullptr, 0, sizeof(pk_slice)};
}

bool fits_together(const pk_subrequest& what, const slot* from, bool has_parent) {
    const bool rest = what.flags & PK_SUB_REST, collected = what.flags & PK_SUB_COLLECTED;
    const bool connect = what.flags & PK_SUB_CONNECT;
    if (!what.end || (rest && (!from || !from->filter || what.upstream.size))) return false;
    if (connect && (collected || !what.endpoint.size)) return false;
    if (what.endpoint.size && !what.upstream.size) return false;
    return (!collected || has_parent) && what.endpoint_port <= 65535;
}

// The struct as this kernel knows it: what an older plugin's lacks is zero.
pk_subrequest whole(const pk_subrequest& given) {
    pk_subrequest all{};
    std::memcpy(&all, &given, std::min<std::size_t>(given.size, sizeof all));
    return all;
}

}  // namespace

pk_status subrequest_table::launch(const subrequest_owner& owner, slot* from, pk_subrequest what,
                                   std::uint64_t& id) {
    constexpr std::uint32_t known =
        PK_SUB_DETACHED | PK_SUB_REST | PK_SUB_COLLECTED | PK_SUB_CONNECT;
    if (what.flags & ~known) return PK_UNSUPPORTED;
    if (closed_ || (ending_ && owner.host == ending_)) return PK_WRONG_STATE;
    if (!fits_together(what, from, owner.parent != nullptr)) return PK_INVALID;
    if (what.flags & PK_SUB_CONNECT) as_connect(what);
    const bool rest = what.flags & PK_SUB_REST, collected = what.flags & PK_SUB_COLLECTED;
    stream* parent = from ? from->owner : nullptr;
    const auto& where = parent ? parent->shared_site() : context_.current;
    if (!where || where->plan->listeners.empty() || (parent && parent->ended()))
        return PK_WRONG_STATE;
    if (count_ >= running_max || (parent && parent->depth >= depth_max)) return PK_NO_MEMORY;
    straight direct;
    if (const auto bad = find_straight(*where->plan, what, direct); bad != PK_OK) return bad;
    pk_slice_view content = what.body;
    const spool* more = nullptr;
    if (collected) {
        const auto& side = from->sides[PK_REQUEST];
        if (!side.collecting || !side.at) return PK_WRONG_STATE;
        content = side.at->in.view();
        if (const auto* s = side.at->spilled.get()) {
            if (!side.collected) return PK_WRONG_STATE;
            content = s->beginning.view();
            more = &s->rest;
        }
    }

    auto made =
        std::make_unique<subrequest>(context_, owner, what, where,
                                     parent ? parent->listener() : *where->plan->listeners.front());
    stream& child = made->child();
    if (!set_line(child, parent, what) || !set_fields(child, what)) return PK_INVALID;
    set_body(child, content, made->body(), more ? more->bytes() : 0);
    if (more) made->read_on(*more);
    child.depth = static_cast<std::uint8_t>(parent ? parent->depth + 1 : 1);
    child.route_child(direct.route, rest ? from : nullptr);
    child.pin_child(direct.to);

    made->id = id = ++ids_;
    running_.push_back(*made);
    ++count_;
    if (owner.parent) made->next_of_parent = std::exchange(parent->children, made.get());
    constexpr std::uint64_t longest = 366ull * 86'400 * 1'000'000'000;
    made.release()->begin(net::nanoseconds(std::min(what.timeout_ns, longest)));
    return PK_OK;
}

pk_status subrequest_table::start(slot& s, const pk_subrequest& given, std::uint64_t& id) {
    if (!s.has_plugin()) return PK_WRONG_STATE;  // A handle that only reads.
    const auto what = whole(given);
    const auto& instance = *s.instance();
    subrequest_owner owner{&s, instance.host_api(), instance.number()};
    if (what.flags & PK_SUB_DETACHED) {
        owner.parent = nullptr;
    } else {
        std::size_t own = 0;
        for (auto* c = s.owner->children; c; c = c->next_of_parent) own += c->owner().parent == &s;
        if (own >= per_handle_max) return PK_NO_MEMORY;
    }
    return launch(owner, &s, what, id);
}

pk_status subrequest_table::start_on_worker(const pk_host* host, const pk_subrequest& given,
                                            std::uint64_t& id) {
    subrequest_owner owner{nullptr, host, 0};
    if (context_.current)
        for (const auto& i : context_.current->plan->instances)
            if (i->host_api() == host) owner.number = i->number();
    return launch(owner, nullptr, whole(given), id);
}

subrequest* subrequest_table::of_parent(const slot& parent, std::uint64_t id) const noexcept {
    for (auto* c = parent.owner->children; c; c = c->next_of_parent)
        if (c->id == id && c->owner().parent == &parent) return c;
    return nullptr;
}

subrequest* subrequest_table::of_host(const pk_host* host, std::uint64_t id) noexcept {
    subrequest* found = nullptr;
    running_.for_each([&](subrequest& s) {
        if (s.id == id && s.owner().host == host && !s.owner().parent) found = &s;
    });
    return found;
}

void subrequest_table::end_children(stream& parent) {
    while (parent.children) parent.children->end(PK_END_CLIENT_ABORT, false);
}

void subrequest_table::close() {
    closed_ = true;
    while (!running_.empty()) running_.front().end(PK_END_SHUTDOWN, true);
}

void subrequest_table::end_of(const pk_host* host) {
    ending_ = host;
    for (bool found = true; found;) {
        subrequest* one = nullptr;
        running_.for_each([&](subrequest& s) {
            if (s.owner().host == host && !s.owner().parent) one = &s;
        });
        found = one != nullptr;
        if (found) one->end(PK_END_SHUTDOWN, true);
    }
    ending_ = nullptr;
}

// --- the service
// ---------------------------------------------------------------------------------------------

namespace {

subrequest_table& table_of(pk_stream* s) {
    return *slot::of(s).owner->in().subrequests;
}

subrequest_table* table_here() {
    context* c = services_of_thread::current();
    return c ? c->subrequests.get() : nullptr;
}

pk_status start(pk_stream* parent, const pk_subrequest* what, std::uint64_t* id) {
    std::uint64_t unused;
    return table_of(parent).start(slot::of(parent), *what, id ? *id : unused);
}

void resume(pk_stream* parent, std::uint64_t id) {
    if (auto* s = table_of(parent).of_parent(slot::of(parent), id)) s->resume();
}

void cancel(pk_stream* parent, std::uint64_t id) {
    if (auto* s = table_of(parent).of_parent(slot::of(parent), id)) s->cancel();
}

pk_status start_on_worker(const pk_host* host, const pk_subrequest* what, std::uint64_t* id) {
    auto* here = table_here();
    std::uint64_t unused;
    if (!here) return PK_WRONG_STATE;
    return here->start_on_worker(host, *what, id ? *id : unused);
}

void resume_on_worker(const pk_host* host, std::uint64_t id) {
    auto* here = table_here();
    if (auto* s = here ? here->of_host(host, id) : nullptr) s->resume();
}

void cancel_on_worker(const pk_host* host, std::uint64_t id) {
    auto* here = table_here();
    if (auto* s = here ? here->of_host(host, id) : nullptr) s->cancel();
}

}  // namespace

const pk_subrequest_service* subrequest_service() noexcept {
    static const pk_subrequest_service t{
        sizeof t,         0, &start, &resume, &cancel, &start_on_worker, &resume_on_worker,
        &cancel_on_worker};
    return &t;
}

}  // namespace pkernel::stream
