// Request heads: read whole = read in pieces; written again = read the same; the canonical request
// written as a head makes the same canonical request.

#include "h1_head.hpp"
#include "kernel/http/framing.hpp"
#include "kernel/http/target.hpp"
#include "kernel/http/writer.hpp"

using namespace pkernel;
using namespace pkernel::http;
using namespace pkernel::http::fuzz;

namespace {

std::string write(const request_head& head) {
    std::string out;
    out.append(head.method).append(" ").append(head.target);
    out.append(head.version_minor ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n");
    append_fields(out, head.headers);
    return out;
}

bool same(pk_str a, pk_str b) {
    return to_view(a) == to_view(b);
}

// As the origin would get it.
std::string write(const request_head& head, const pk_request& r) {
    std::string out(to_view(r.method));
    out.append(" ").append(to_view(r.path));
    if (r.has_query) out.append("?").append(to_view(r.query));
    out.append(head.version_minor ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n");
    if (r.authority.size) out.append("Host: ").append(to_view(r.authority)).append("\r\n");
    append_fields(out, head.headers);
    return out;
}

void check_canonical(const request_head& head, const pk_request& r, const framing& body) {
    const auto host = to_view(r.host);
    FUZZ_CHECK(to_view(r.path_normal).starts_with('/'));
    FUZZ_CHECK(!head.headers.has(PK_FIELD_HOST));
    FUZZ_CHECK(!host.empty() || head.version_minor == 0);
    FUZZ_CHECK(host.find_first_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ []@,/\\%") == host.npos);
    FUZZ_CHECK(to_view(r.path).find_first_of("?#") == std::string_view::npos);
    FUZZ_CHECK((r.content_length >= 0) == (body.kind == body_kind::length));
    FUZZ_CHECK(!head.headers.has(PK_FIELD_TRANSFER_ENCODING) || body.kind == body_kind::chunked);
}

void check_second_hop(base::arena& arena, const std::string& text, const pk_request& first) {
    request_head head(arena);
    std::size_t consumed = 0;
    parse_fault fault;
    pk_request second{};
    const auto result = parse_request(text, 0, {}, head, &consumed, fault);
    FUZZ_CHECK(result == parse_result::complete && consumed == text.size());
    FUZZ_CHECK(make_request(head, false, arena, second, fault));
    FUZZ_CHECK(same(first.method, second.method) && same(first.authority, second.authority));
    FUZZ_CHECK(same(first.host, second.host) && first.authority_port == second.authority_port);
    FUZZ_CHECK(same(first.path, second.path) && same(first.path_normal, second.path_normal));
    FUZZ_CHECK(same(first.query, second.query) && first.has_query == second.has_query);
    FUZZ_CHECK(first.path_flags == second.path_flags && first.flags == second.flags);
    FUZZ_CHECK(first.content_length == second.content_length);
}

void check_removal(request_head& head) {
    const fields& all = head.headers;
    const auto before = all.size();
    remove_connection_fields(head.headers);
    FUZZ_CHECK(all.size() <= before);
    for (const auto id : {PK_FIELD_CONNECTION, PK_FIELD_KEEP_ALIVE, PK_FIELD_TE, PK_FIELD_UPGRADE,
                          PK_FIELD_TRANSFER_ENCODING, PK_FIELD_PROXY_CONNECTION})
        FUZZ_CHECK(!all.find(id));
    check_fields(all);
    char out[2048];
    head_writer writer(out, head_size_bound(all, 0));
    writer.fields_of(all);
    writer.finish();
    FUZZ_CHECK(!writer.overflowed() && writer.size() == head_size_bound(all, 0));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 4) return 0;
    std::uint32_t seed = 0;
    std::memcpy(&seed, data, 4);
    const std::string_view input(reinterpret_cast<const char*>(data) + 4, size - 4);

    base::block_pool pool;
    base::arena arena(pool);
    const auto parse = [&arena](std::string_view bytes, std::size_t seen) {
        request_head head(arena);
        outcome o;
        o.result = parse_request(bytes, seen, small_limits, head, &o.consumed, o.fault);
        return o;
    };
    const outcome whole = parse(input, 0);
    check_same(whole, in_pieces(input, seed, parse));
    if (whole.result != parse_result::complete) return 0;

    request_head head(arena);
    request_head again(arena);
    std::size_t consumed = 0;
    parse_fault fault;
    FUZZ_CHECK(parse_request(input, 0, small_limits, head, &consumed, fault) ==
               parse_result::complete);
    FUZZ_CHECK(consumed <= input.size() && consumed <= small_limits.head_max);
    FUZZ_CHECK(head.headers.size() <= small_limits.fields_max);
    check_fields(head.headers);
    const std::string text = write(head);
    FUZZ_CHECK(parse_request(text, 0, {}, again, &consumed, fault) == parse_result::complete);
    FUZZ_CHECK(consumed == text.size() && head.method == again.method);
    FUZZ_CHECK(head.target == again.target && head.version_minor == again.version_minor);
    FUZZ_CHECK(same_fields(head.headers, again.headers));

    framing body;
    pk_request request{};
    const bool framed = request_framing(head, body, fault);
    if (!make_request(head, false, arena, request, fault)) return 0;
    FUZZ_CHECK(framed);
    check_canonical(head, request, body);
    check_second_hop(arena, write(head, request), request);
    check_removal(head);
    return 0;
}
