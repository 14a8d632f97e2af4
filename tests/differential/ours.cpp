#include <algorithm>

#include "kernel/http/characters.hpp"
#include "kernel/http/chunked.hpp"
#include "kernel/http/framing.hpp"
#include "kernel/http/target.hpp"
#include "reading.hpp"

using namespace pkernel::http;

namespace pkernel::differential {

namespace {

using event = chunked_decoder::event;

void refuse(reading& out, const parse_fault& fault) {
    out.what = verdict::refused;
    out.error = fault.cause;
}

void settle(reading& out, parse_result result, const parse_fault& fault) {
    if (result == parse_result::bad) refuse(out, fault);
    out.what = result == parse_result::complete    ? verdict::accepted
               : result == parse_result::need_more ? verdict::needs_more
                                                   : verdict::refused;
}

void keep_fields(const fields& all, reading& out) {
    for (const pk_field& f : all) out.fields.emplace_back(to_view(f.name), to_view(f.value));
}

void read_chunked(std::string_view text, base::arena& arena, reading& out) {
    chunked_decoder decoder;
    parse_fault fault;
    for (;;) {
        const auto step = decoder.next(text.substr(out.used), fault);
        out.used += step.consumed;
        out.body += step.data;
        if (step.what == event::data) continue;
        if (step.what == event::bad) return refuse(out, fault);
        if (step.what == event::need_more) return;
        break;
    }
    fields trailers(arena);
    std::size_t consumed = 0;
    settle(out, parse_trailers(text.substr(out.used), 0, {}, trailers, &consumed, fault), fault);
    out.used += consumed;
    keep_fields(trailers, out);
}

void read_body(std::string_view text, const framing& f, base::arena& arena, reading& out) {
    const auto rest = text.substr(out.used);
    if (f.kind == body_kind::chunked) return read_chunked(text, arena, out);
    if (f.kind == body_kind::length && rest.size() < f.length) return;
    out.until_close = f.kind == body_kind::until_close;
    out.body = f.kind == body_kind::length ? rest.substr(0, f.length)
               : out.until_close           ? rest
                                           : std::string_view();
    out.used += out.body.size();
    out.what = verdict::accepted;
}

reading read_request(std::string_view text, base::arena& arena) {
    reading out;
    request_head head(arena);
    parse_fault fault;
    settle(out, parse_request(text, 0, {}, head, &out.used, fault), fault);
    if (out.what != verdict::accepted) return out;
    out.what = verdict::needs_more;
    out.start = std::string(head.method) + " " + std::string(head.target) + " " +
                std::to_string(head.version_minor);
    keep_fields(head.headers, out);
    framing f;
    pk_request request{};
    if (!request_framing(head, f, fault) || !make_request(head, false, arena, request, fault))
        refuse(out, fault);
    else
        read_body(text, f, arena, out);
    return out;
}

reading read_response(std::string_view text, base::arena& arena) {
    reading out;
    response_head head(arena);
    parse_fault fault;
    settle(out, parse_response(text, 0, {}, head, &out.used, fault), fault);
    if (out.what != verdict::accepted) return out;
    out.what = verdict::needs_more;
    out.start = std::to_string(head.version_minor) + " " + std::to_string(head.status);
    keep_fields(head.headers, out);
    framing f;
    if (!response_framing(head, false, false, f, fault))
        refuse(out, fault);
    else
        read_body(text, f, arena, out);
    return out;
}

}  // namespace

reading read_ours(std::string_view text, bool request) {
    base::block_pool pool;
    base::arena arena(pool);
    return request ? read_request(text, arena) : read_response(text, arena);
}

std::string difference(const reading& a, const reading& b) {
    const auto sorted = [](auto fields) {
        for (auto& f : fields)
            std::transform(f.first.begin(), f.first.end(), f.first.begin(), lower);
        std::stable_sort(fields.begin(), fields.end(),
                         [](const auto& x, const auto& y) { return x.first < y.first; });
        return fields;
    };
    if (a.start != b.start) return "start line: " + a.start + " / " + b.start;
    if (a.fields.size() != b.fields.size())
        return "fields: " + std::to_string(a.fields.size()) + " / " +
               std::to_string(b.fields.size());
    if (sorted(a.fields) != sorted(b.fields)) return "fields";
    if (a.body != b.body) return "body: " + a.body + " / " + b.body;
    if (a.used != b.used)
        return "length: " + std::to_string(a.used) + " / " + std::to_string(b.used);
    return {};
}

}  // namespace pkernel::differential
