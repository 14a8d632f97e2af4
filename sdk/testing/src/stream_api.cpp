// The functions of pk_stream_api, with each rule of stream.h that a call can break.

#include "fake_stream.hpp"

namespace pk::testing {
namespace {

// Opens an API call: the stream, or nothing where the call itself is a breach.
struct call {
    fake_stream* s;
    inside host{false};

    call(pk_stream* raw, const char* what) : s(fake_stream::enter(raw, what)) {}
    explicit operator bool() const noexcept { return s != nullptr; }
    fake_stream* operator->() const noexcept { return s; }
};

const pk_request* request(pk_stream* raw) {
    static const pk_request none{};
    const call c(raw, "request");
    return c ? &c->request : &none;
}

pk_field_view fields(pk_stream* raw, std::uint32_t which) {
    const call c(raw, "fields");
    if (!c || which > PK_FIELDS_CLAIMED) return {};
    return c->fields[which].view();
}

const pk_field* find(pk_stream* raw, std::uint32_t which, std::uint32_t id, pk_str name,
                     std::uint32_t* index) {
    const call c(raw, "find");
    if (!c || which > PK_FIELDS_CLAIMED) return nullptr;
    return c->fields[which].find(id, view(name), index);
}

// A name by its number, as the kernel writes it, or as it was given.
std::string_view spelt(std::uint32_t id, pk_str name) {
#define PKERNEL_FIELD_NAME(suffix, text) text,
    static constexpr std::string_view names[] = {PKERNEL_FIELD_LIST(PKERNEL_FIELD_NAME)};
#undef PKERNEL_FIELD_NAME
    return id == PK_FIELD_OTHER || id >= PK_FIELD_COUNT ? view(name) : names[id - 1];
}

pk_status add_field(pk_stream* raw, std::uint32_t which, std::uint32_t id, pk_str name,
                    pk_str value) {
    const call c(raw, "add_field");
    if (!c || which >= PK_FIELDS_CLAIMED) return PK_INVALID;
    if (!c->held_here(which)) return PK_WRONG_STATE;
    return c->fields[which].add(spelt(id, name), view(value));
}

pk_status set_field(pk_stream* raw, std::uint32_t which, std::uint32_t id, pk_str name,
                    pk_str value) {
    const call c(raw, "set_field");
    if (!c || which >= PK_FIELDS_CLAIMED) return PK_INVALID;
    if (!c->held_here(which)) return PK_WRONG_STATE;
    const std::string kept_name(spelt(id, name)), kept(view(value));
    if (!legal_name(kept_name) || !legal_value(kept) || kernels_own(kept_name)) return PK_INVALID;
    c->fields[which].remove(PK_FIELD_OTHER, kept_name);
    return c->fields[which].add(kept_name, kept);
}

pk_status remove_field(pk_stream* raw, std::uint32_t which, std::uint32_t id, pk_str name) {
    const call c(raw, "remove_field");
    if (!c || which >= PK_FIELDS_CLAIMED) return PK_INVALID;
    if (!c->held_here(which)) return PK_WRONG_STATE;
    if (kernels_own(spelt(id, name))) return PK_INVALID;
    return c->fields[which].remove(id, view(name)) ? PK_OK : PK_NOT_FOUND;
}

pk_status set_part(pk_stream* raw, std::uint32_t part, pk_str value) {
    const call c(raw, "set_part");
    if (!c) return PK_WRONG_STATE;
    if (!c->held_here(PK_FIELDS_REQUEST)) return PK_WRONG_STATE;
    const std::string_view v = view(value);
    for (char b : v) {
        if (static_cast<unsigned char>(b) <= 0x20 || b == 0x7f || b == '#') return PK_INVALID;
    }
    const pk_str kept = str(c->texts.emplace_back(v));
    switch (part) {
        case PK_PART_METHOD:
            if (!legal_name(v)) return PK_INVALID;
            c->request.method = kept;
            return PK_OK;
        case PK_PART_AUTHORITY:
            c->request.authority = kept;
            return PK_OK;
        case PK_PART_PATH:
            if (!v.starts_with('/') || v.find('?') != std::string_view::npos) return PK_INVALID;
            c->request.path = c->request.path_normal = kept;
            return PK_OK;
        case PK_PART_QUERY:
            c->request.query = kept;
            c->request.has_query = v.empty() ? 0 : 1;
            return PK_OK;
        default:
            return PK_INVALID;
    }
}

pk_status set_client(pk_stream* raw, const pk_address* client) {
    const call c(raw, "set_client");
    if (!c || !c->held_here(PK_FIELDS_REQUEST)) return PK_WRONG_STATE;
    c->request.client = *client;
    return PK_OK;
}

std::uint32_t status(pk_stream* raw) {
    const call c(raw, "status");
    return c ? c->status : 0;
}

pk_status set_status(pk_stream* raw, std::uint32_t code) {
    const call c(raw, "set_status");
    if (!c || !c->held_here(PK_FIELDS_RESPONSE)) return PK_WRONG_STATE;
    if (code < 200 || code > 599) return PK_INVALID;
    c->status = code;
    return PK_OK;
}

// The head of a reply, streamed or whole, with the checks that both share.
pk_status begin_reply(fake_stream& s, std::uint32_t code, pk_field_view extra) {
    if (s.out() || s.replied || s.lanes[1].head_gone) return PK_WRONG_STATE;
    if (code < 200 || code > 599) return PK_INVALID;
    field_pairs pairs;
    for (field f : field_list(extra)) {
        if (!legal_name(f.name) || !legal_value(f.value) || kernels_own(f.name)) return PK_INVALID;
        pairs.emplace_back(f.name, f.value);
    }
    s.replied = true;
    s.reply.status = code;
    s.reply.fields = std::move(pairs);
    return PK_OK;
}

bool without_body(const fake_stream& s) {
    return view(s.request.method) == "HEAD" || s.reply.status == 204 || s.reply.status == 304;
}

pk_status reply(pk_stream* raw, std::uint32_t code, pk_field_view extra, pk_str body) {
    const call c(raw, "reply");
    if (!c) return PK_WRONG_STATE;
    if (const pk_status answer = begin_reply(*c.s, code, extra); answer != PK_OK) return answer;
    c->reply.content_length = static_cast<std::int64_t>(body.size);
    if (!without_body(*c.s)) c->reply.body = view(body);
    c->reply.complete = true;
    c->lanes[1].finished = true;
    return PK_OK;
}

pk_status respond(pk_stream* raw, std::uint32_t code, pk_field_view extra, std::int64_t length) {
    const call c(raw, "respond");
    if (!c) return PK_WRONG_STATE;
    if (const pk_status answer = begin_reply(*c.s, code, extra); answer != PK_OK) return answer;
    c->responded = true;
    c->reply.content_length = length;
    lane& l = c->lanes[1];
    l.queued = 0;  // What waited to go out of an older response is dropped.
    l.wants_drained = true;
    return PK_OK;
}

void reset(pk_stream* raw, std::uint32_t cause) {
    const call c(raw, "reset");
    if (!c) return;
    cause == PK_END_PLUGIN_ERROR ? c->give_up() : c->want_reset(cause);
}

void resume(pk_stream* raw, std::uint32_t d) {
    const call c(raw, "resume");
    if (c && d <= 1) c->lanes[d].resume = true;
}

pk_status transform(pk_stream* raw, std::uint32_t d, std::int64_t length) {
    const call c(raw, "transform");
    if (!c || d > 1) return PK_INVALID;
    const bool here = c->tunnel() != nullptr
                          ? c->in_accepted()
                          : c->held_here(d == 0 ? PK_FIELDS_REQUEST : PK_FIELDS_RESPONSE);
    if (!here) return PK_WRONG_STATE;
    c->lanes[d].transforming = true;
    c->lanes[d].length = length;
    return PK_OK;
}

// Whether what goes on in that direction is the handle's to send.
bool has_output(const fake_stream& s, std::uint32_t d) {
    const lane& l = s.lanes[d];
    if (l.finished) return false;
    if (d == 1 && s.responded) return true;
    return s.tunnel() != nullptr ? s.tunnelling() && l.interest != 0 : l.transforming;
}

pk_status take_bytes(fake_stream& s, std::uint32_t d, std::string_view bytes) {
    if (d > 1) return PK_INVALID;
    lane& l = s.lanes[d];
    const bool responder = d == 1 && s.responded;
    if (s.wants_reset() || !has_output(s, d)) return PK_WRONG_STATE;
    if (bytes.size() > emit_max) {
        s.breach("emits more than 256 KiB in one callback");
        return PK_INVALID;
    }
    if (!l.may_emit || l.emitted + bytes.size() > emit_max) {
        l.wants_drained = true;
        return PK_NO_MEMORY;
    }
    l.emitted += bytes.size();
    l.queued += bytes.size();
    l.wants_drained = true;
    if (responder) {
        if (!without_body(s)) s.reply.body += bytes;
    } else {
        l.sent += bytes;
    }
    return PK_OK;
}

pk_status emit(pk_stream* raw, std::uint32_t d, pk_str bytes, std::uint32_t) {
    const call c(raw, "emit");
    return c ? take_bytes(*c.s, d, view(bytes)) : pk_status{PK_WRONG_STATE};
}

pk_status emit_slices(pk_stream* raw, std::uint32_t d, pk_slice_view slices, std::uint32_t) {
    const call c(raw, "emit_slices");
    if (!c) return PK_WRONG_STATE;
    std::string all;
    for (std::string_view part : data(slices)) all += part;
    return take_bytes(*c.s, d, all);
}

pk_status emit_owned(pk_stream* raw, std::uint32_t d, pk_str bytes, std::uint32_t flags,
                     void (*unused)(void*), void* arg) {
    const pk_status answer = emit(raw, d, bytes, flags);
    if (answer == PK_OK) unused(arg);
    return answer;
}

std::uint64_t queued(pk_stream* raw, std::uint32_t d) {
    const call c(raw, "queued");
    return c && d <= 1 ? c->lanes[d].queued : std::uint64_t{0};
}

pk_status retain(pk_stream* raw, const pk_slice* slice) {
    const call c(raw, "retain");
    if (!c || slice->block == nullptr) return PK_INVALID;
    ++static_cast<block*>(slice->block)->kept;
    return PK_OK;
}

void release(pk_stream* raw, const pk_slice* slice) {
    const call c(raw, "release");
    if (!c || slice->block == nullptr) return;
    auto* b = static_cast<block*>(slice->block);
    if (b->kept == 0) {
        c->breach("releases a slice more often than it retained it");
    } else {
        --b->kept;
    }
}

pk_status collect(pk_stream* raw, std::uint32_t d, std::uint64_t limit, std::uint32_t overflow) {
    const call c(raw, "collect");
    if (!c || d > 1 || overflow > PK_OVERFLOW_STREAM) return PK_INVALID;
    if (overflow == PK_OVERFLOW_SPILL) return PK_UNSUPPORTED;
    if (limit > (1 << 20)) return PK_NO_MEMORY;
    lane& l = c->lanes[d];
    if (!l.began || l.head_gone) return PK_WRONG_STATE;
    l.collect_asked = true;
    l.collect_limit = limit;
    l.collect_overflow = overflow;
    return PK_OK;
}

pk_slice_view collected(pk_stream* raw, std::uint32_t d, std::uint32_t* how_much) {
    const call c(raw, "collected");
    if (!c || d > 1) return {};
    const lane& l = c->lanes[d];
    *how_much = l.collect_result;
    return {l.collected.data(), static_cast<std::uint32_t>(l.collected.size()), sizeof(wide_slice)};
}

void* allocate(pk_stream* raw, std::uint64_t size, std::uint64_t align) {
    const call c(raw, "allocate");
    if (!c) return nullptr;
    if (align == 0 || align > 16 || (align & (align - 1)) != 0) {
        c->breach("allocates with an alignment that is no power of two up to 16");
        return nullptr;
    }
    if (size > (64 << 10) || c->arena_used + size > (64 << 10)) return nullptr;
    c->arena_used += size;
    return c->arena.emplace_back(size / sizeof(chunk) + 1).data();
}

pk_status annotate(pk_stream* raw, pk_str key, pk_str value) {
    const call c(raw, "annotate");
    if (!c) return PK_WRONG_STATE;
    if (c->annotations.size() >= 16) return PK_NO_MEMORY;
    c->annotations.emplace_back(view(key), view(value));
    return PK_OK;
}

pk_status finish(pk_stream* raw, std::uint32_t d, pk_field_view trailers) {
    const call c(raw, "finish");
    if (!c || d > 1) return PK_INVALID;
    lane& l = c->lanes[d];
    const bool responder = d == 1 && c->responded;
    if (!has_output(*c.s, d)) return PK_WRONG_STATE;
    l.finished = true;
    field_pairs pairs;
    for (field f : field_list(trailers)) pairs.emplace_back(f.name, f.value);
    if (responder) {
        c->reply.complete = true;
        c->reply.trailers = std::move(pairs);
        const auto promised = c->reply.content_length;
        const auto sent = static_cast<std::int64_t>(c->reply.body.size());
        if (promised >= 0 && promised != sent && !without_body(*c.s)) {
            c->breach("finishes a response of another length than it announced");
        }
    } else {
        c->fields[d == 0 ? PK_FIELDS_REQUEST_TRAILERS : PK_FIELDS_RESPONSE_TRAILERS].assign(pairs);
    }
    return PK_OK;
}

pk_status reroute(pk_stream* raw) {
    const call c(raw, "reroute");
    if (!c || !c->held_here(PK_FIELDS_REQUEST)) return PK_WRONG_STATE;
    c->rerouted = true;
    return PK_OK;
}

const pk_stream_api table{sizeof(pk_stream_api),
                          0,
                          request,
                          fields,
                          find,
                          set_field,
                          add_field,
                          remove_field,
                          set_part,
                          set_client,
                          status,
                          set_status,
                          reply,
                          reset,
                          resume,
                          transform,
                          emit,
                          emit_slices,
                          queued,
                          retain,
                          release,
                          collect,
                          collected,
                          allocate,
                          annotate,
                          respond,
                          finish,
                          reroute,
                          emit_owned};

}  // namespace

const pk_stream_api& fake_stream::api() noexcept {
    return table;
}

}  // namespace pk::testing
