// Response heads and trailer sections: read whole = read in pieces; written again = read the same;
// framing never fails to say where a body ends.

#include "h1_head.hpp"
#include "kernel/http/framing.hpp"

using namespace pkernel;
using namespace pkernel::http;
using namespace pkernel::http::fuzz;

namespace {

std::string write(const response_head& head) {
    std::string out = head.version_minor ? "HTTP/1.1 " : "HTTP/1.0 ";
    out.append(std::to_string(head.status)).append(" ").append(head.reason).append("\r\n");
    append_fields(out, head.headers);
    return out;
}

void check_framing(const response_head& head) {
    for (const bool to_head : {false, true}) {
        framing body;
        parse_fault fault;
        if (!response_framing(head, to_head, false, body, fault)) {
            FUZZ_CHECK(fault.status == 502);
            continue;
        }
        const bool bodiless =
            to_head || head.status < 200 || head.status == 204 || head.status == 304;
        FUZZ_CHECK(bodiless == (body.kind == body_kind::none));
        FUZZ_CHECK(body.kind != body_kind::until_close || !body.keep_alive);
        FUZZ_CHECK(body.length <= 0x7fffffffffffffffu);
    }
}

void check_response(base::arena& arena, std::string_view input, std::uint32_t seed) {
    const auto parse = [&arena](std::string_view bytes, std::size_t seen) {
        response_head head(arena);
        outcome o;
        o.result = parse_response(bytes, seen, small_limits, head, &o.consumed, o.fault);
        return o;
    };
    const outcome whole = parse(input, 0);
    check_same(whole, in_pieces(input, seed, parse));
    if (whole.result == parse_result::bad) FUZZ_CHECK(whole.fault.status == 502);
    if (whole.result != parse_result::complete) return;

    response_head head(arena);
    response_head again(arena);
    std::size_t consumed = 0;
    parse_fault fault;
    parse_response(input, 0, small_limits, head, &consumed, fault);
    FUZZ_CHECK(head.status >= 100 && head.status <= 999);
    check_fields(head.headers);
    const std::string text = write(head);
    FUZZ_CHECK(parse_response(text, 0, {}, again, &consumed, fault) == parse_result::complete);
    FUZZ_CHECK(consumed == text.size() && head.status == again.status);
    FUZZ_CHECK(head.reason == again.reason && same_fields(head.headers, again.headers));
    check_framing(head);
}

void check_trailers(base::arena& arena, std::string_view input, std::uint32_t seed) {
    const auto parse = [&arena](std::string_view bytes, std::size_t seen) {
        fields all(arena);
        outcome o;
        o.result = parse_trailers(bytes, seen, small_limits, all, &o.consumed, o.fault);
        check_fields(all);
        return o;
    };
    check_same(parse(input, 0), in_pieces(input, seed, parse));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 4) return 0;
    std::uint32_t seed = 0;
    std::memcpy(&seed, data, 4);
    const std::string_view input(reinterpret_cast<const char*>(data) + 4, size - 4);
    base::block_pool pool;
    base::arena arena(pool);
    check_response(arena, input, seed);
    check_trailers(arena, input, seed);
    return 0;
}
