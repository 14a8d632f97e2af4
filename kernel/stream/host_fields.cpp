// The half of the stream's functions that concerns heads: fields, parts of the request, the status.

#include "kernel/http/head.hpp"
#include "kernel/http/target.hpp"
#include "kernel/stream/host_calls.hpp"
#include "kernel/stream/stream.hpp"

namespace pkernel::stream {

// Framing and connection are the kernel's.
bool is_kernels_field(std::uint32_t id) noexcept {
    switch (id) {
        case PK_FIELD_CONTENT_LENGTH:
        case PK_FIELD_TRANSFER_ENCODING:
        case PK_FIELD_CONNECTION:
        case PK_FIELD_TE:
        case PK_FIELD_TRAILER:
        case PK_FIELD_UPGRADE:
        case PK_FIELD_KEEP_ALIVE:
        case PK_FIELD_PROXY_CONNECTION:
        case PK_FIELD_HOST:
            return true;
        default:
            return false;
    }
}

const pk_request* host_calls::request(pk_stream* s) {
    return &slot::of(s).owner->request;
}

http::fields* host_calls::list(slot& s, std::uint32_t which) {
    stream& o = *s.owner;
    switch (which) {
        case PK_FIELDS_REQUEST:
            return &o.head.headers;
        case PK_FIELDS_REQUEST_TRAILERS:
            return &o.request_trailers;
        case PK_FIELDS_RESPONSE:
            return &o.response.headers;
        case PK_FIELDS_RESPONSE_TRAILERS:
            return &o.response_trailers;
        case PK_FIELDS_INFORMATIONAL:
            return &o.response.headers;
        case PK_FIELDS_CLAIMED:
            return &o.claimed_;
        default:
            return nullptr;
    }
}

pk_field_view host_calls::fields(pk_stream* s, std::uint32_t which) {
    const auto* all = list(slot::of(s), which);
    return all ? all->view() : pk_field_view{nullptr, 0, sizeof(pk_field)};
}

const pk_field* host_calls::find(pk_stream* s, std::uint32_t which, std::uint32_t id, pk_str name,
                                 std::uint32_t* index) {
    const auto* all = list(slot::of(s), which);
    if (!all) return nullptr;
    const std::uint32_t from = index ? *index : 0;
    const pk_field* f =
        id != PK_FIELD_OTHER ? all->find(id, from) : all->find(http::to_view(name), from);
    if (f && index) *index = static_cast<std::uint32_t>(f - all->begin());
    return f;
}

bool host_calls::held_here(slot& s, int direction) {
    const stream& o = *s.owner;
    const auto& l = direction == PK_REQUEST ? o.request_ : o.response_;
    if (s.out || s.sides[direction].passed || o.ended_) return false;
    const bool at = l.head == stream::head_state::running || l.head == stream::head_state::held;
    return at && l.at == s.index && (direction == PK_RESPONSE || !o.request_closed_);
}

// Whether `s` may change fields of that kind now, and the name and value are legal.
pk_status host_calls::changeable(slot& s, std::uint32_t which, std::uint32_t id, pk_str name,
                                 pk_str value, http::fields** out) {
    *out = list(s, which);
    const bool known = id != PK_FIELD_OTHER;
    const std::string_view n = known ? http::field_name(id) : http::to_view(name);
    if (!*out || which == PK_FIELDS_CLAIMED || n.empty() || (!known && !http::is_token(n)) ||
        !http::is_field_value(http::to_view(value)))
        return PK_INVALID;
    if (is_kernels_field(known ? id : http::field_id(n))) return PK_INVALID;
    const bool response = which == PK_FIELDS_RESPONSE || which == PK_FIELDS_RESPONSE_TRAILERS;
    const int d = response ? PK_RESPONSE : PK_REQUEST;
    bool legal = true;
    if (which == PK_FIELDS_REQUEST || which == PK_FIELDS_RESPONSE) legal = held_here(s, d);
    if (which == PK_FIELDS_REQUEST_TRAILERS || which == PK_FIELDS_RESPONSE_TRAILERS)
        legal = !s.out && s.sides[d].at && !s.sides[d].at->end_done;
    if (which == PK_FIELDS_INFORMATIONAL) legal = s.owner->in_informational_;
    return legal ? PK_OK : PK_WRONG_STATE;
}

// The list to change and copies of name and value in the stream's arena, once all is found legal.
pk_status host_calls::prepare(slot& s, std::uint32_t which, std::uint32_t id, pk_str name,
                              pk_str value, http::fields** all, pk_field* copy) {
    if (const auto bad = changeable(s, which, id, name, value, all); bad != PK_OK) return bad;
    if ((*all)->size() >= stream::fields_max) return PK_NO_MEMORY;
    base::arena& a = s.owner->arena;
    const auto n = id != PK_FIELD_OTHER ? http::field_name(id) : a.copy(http::to_view(name));
    copy->name = http::to_str(n);
    copy->value = http::to_str(a.copy(http::to_view(value)));
    copy->id = id != PK_FIELD_OTHER ? id : http::field_id(n);
    return PK_OK;
}

pk_status host_calls::set_field(pk_stream* h, std::uint32_t which, std::uint32_t id, pk_str name,
                                pk_str value) {
    http::fields* all;
    pk_field f;
    const auto answer = prepare(slot::of(h), which, id, name, value, &all, &f);
    if (answer == PK_OK) all->set(http::to_view(f.name), http::to_view(f.value), f.id);
    return answer;
}

pk_status host_calls::add_field(pk_stream* h, std::uint32_t which, std::uint32_t id, pk_str name,
                                pk_str value) {
    http::fields* all;
    pk_field f;
    const auto answer = prepare(slot::of(h), which, id, name, value, &all, &f);
    if (answer == PK_OK) all->append(http::to_view(f.name), http::to_view(f.value), f.id);
    return answer;
}

pk_status host_calls::remove_field(pk_stream* h, std::uint32_t which, std::uint32_t id,
                                   pk_str name) {
    slot& s = slot::of(h);
    http::fields* all;
    if (const auto bad = changeable(s, which, id, name, {}, &all); bad != PK_OK) return bad;
    const auto n = id != PK_FIELD_OTHER ? all->remove(id) : all->remove(http::to_view(name));
    return n ? PK_OK : PK_NOT_FOUND;
}

pk_status host_calls::set_part(pk_stream* h, std::uint32_t part, pk_str value) {
    slot& s = slot::of(h);
    if (!held_here(s, PK_REQUEST)) return PK_WRONG_STATE;
    stream& o = *s.owner;
    pk_request& r = o.request;
    const auto text = http::to_view(value);
    switch (part) {
        case PK_PART_METHOD: {
            if (!http::is_token(text)) return PK_INVALID;
            const auto id = http::method_id(text);
            if (id == PK_METHOD_CONNECT || id == PK_METHOD_TRACE) return PK_INVALID;
            constexpr std::uint32_t kinds = PK_REQUEST_SAFE | PK_REQUEST_IDEMPOTENT;
            r.flags = (r.flags & ~kinds) | http::method_flags(id);
            r.method = http::to_str(o.arena.copy(text));
            r.method_id = id;
            return PK_OK;
        }
        case PK_PART_AUTHORITY: {
            std::string_view host;
            std::uint32_t port = 0;
            const auto copy = o.arena.copy(text);
            if (!http::read_authority(copy, o.arena, host, port)) return PK_INVALID;
            r.authority = http::to_str(copy);
            r.host = http::to_str(host);
            r.authority_port = port;
            return PK_OK;
        }
        case PK_PART_PATH: {
            http::path_reading reading;
            const auto copy = o.arena.copy(text);
            const bool legal = !text.empty() && text[0] == '/' &&
                               text.find_first_of("?# ") == std::string_view::npos;
            if (!legal || !http::read_path(copy, o.arena, reading)) return PK_INVALID;
            r.path = http::to_str(copy);
            r.path_normal = http::to_str(reading.normal);
            r.path_flags = reading.flags;
            return PK_OK;
        }
        case PK_PART_QUERY:
            for (const char c : text)
                if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f || c == '#')
                    return PK_INVALID;
            r.query = http::to_str(o.arena.copy(text));
            r.has_query = text.empty() ? 0 : 1;
            return PK_OK;
        default:
            return PK_INVALID;
    }
}

pk_status host_calls::set_client(pk_stream* h, const pk_address* client) {
    slot& s = slot::of(h);
    if (!held_here(s, PK_REQUEST)) return PK_WRONG_STATE;
    if (client->family != 4 && client->family != 6) return PK_INVALID;
    s.owner->request.client = *client;
    return PK_OK;
}

std::uint32_t host_calls::status(pk_stream* h) {
    return slot::of(h).owner->response.status;
}

pk_status host_calls::set_status(pk_stream* h, std::uint32_t status) {
    slot& s = slot::of(h);
    if (status < 200 || status > 599) return PK_INVALID;
    if (!held_here(s, PK_RESPONSE) || s.owner->response.status == 101) return PK_WRONG_STATE;
    s.owner->response.status = static_cast<std::uint16_t>(status);
    return PK_OK;
}

pk_status host_calls::reroute(pk_stream* h) {
    slot& s = slot::of(h);
    stream& o = *s.owner;
    if (!held_here(s, PK_REQUEST) || s.sides[PK_REQUEST].collecting) return PK_WRONG_STATE;
    if (o.reroutes_ >= stream::reroutes_max) return PK_NO_MEMORY;
    ++o.reroutes_;
    o.reroute_ = true;
    return PK_OK;
}

}  // namespace pkernel::stream
