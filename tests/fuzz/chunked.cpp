// The chunked coding, alone and as a body with its trailers: every split of the bytes gives the
// same body and verdict, and what was decoded can be written and decoded again.

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "h1_head.hpp"
#include "kernel/http/body_reader.hpp"

using namespace pkernel::http;
using pkernel::http::fuzz::check_fields;
using pkernel::http::fuzz::small_limits;

namespace {

using event = chunked_decoder::event;

struct outcome {
    event what = event::need_more;
    std::string body;
    std::size_t consumed = 0;
    std::string cause;

    bool operator==(const outcome&) const = default;
};

// `next_size` says how many bytes the next piece has.
template <class NextSize>
outcome decode(std::string_view input, NextSize&& next_size) {
    chunked_decoder decoder;
    parse_fault fault;
    outcome o;
    while (o.consumed < input.size()) {
        const auto piece = input.substr(o.consumed, next_size());
        const std::vector<char> copy(piece.begin(), piece.end());
        std::string_view rest(copy.data(), copy.size());
        do {
            const auto step = decoder.next(rest, fault);
            FUZZ_CHECK(step.consumed <= rest.size());
            FUZZ_CHECK(step.what != event::need_more || step.consumed == rest.size());
            FUZZ_CHECK((step.what == event::data) == !step.data.empty());
            o.body += step.data;
            o.consumed += step.consumed;
            rest.remove_prefix(step.consumed);
            o.what = step.what;
            if (o.what == event::bad) o.cause = fault.cause;
            if (o.what == event::bad || o.what == event::trailers) return o;
        } while (!rest.empty());
    }
    // A last data event leaves open whether more was needed: it was.
    o.what = event::need_more;
    return o;
}

outcome decode_whole(std::string_view input) {
    return decode(input, [] { return std::string_view::npos; });
}

void check_written_again(const std::string& body) {
    std::string text;
    for (std::size_t at = 0, size = 1; at < body.size(); at += size, size = size * 3 + 1) {
        const auto piece = body.substr(at, size);
        char head[18];
        text.append(head, write_chunk_head(piece.size(), head)).append(piece).append("\r\n");
    }
    text += "0\r\n";
    const auto again = decode_whole(text);
    FUZZ_CHECK(again.what == event::trailers && again.body == body);
    FUZZ_CHECK(again.consumed == text.size());
}

// As a connection does: what was not consumed comes again with more behind it.
template <class NextSize>
outcome read_body(const framing& f, std::string_view input, NextSize&& next_size) {
    static pkernel::base::block_pool blocks;
    pkernel::base::arena arena(blocks);
    fields trailers(arena);
    body_reader reader;
    reader.begin(f);
    parse_fault fault;
    outcome o;
    for (std::size_t had = 0; had < input.size() && !reader.over();) {
        had = std::min<std::size_t>(input.size(),
                                    had + std::min<std::size_t>(next_size(), input.size()));
        while (o.consumed < had && !reader.over()) {
            const auto rest = input.substr(o.consumed, had - o.consumed);
            const std::vector<char> copy(rest.begin(), rest.end());
            const std::string_view bytes(copy.data(), copy.size());
            const auto step = reader.next(bytes, small_limits, trailers, fault);
            FUZZ_CHECK(step.consumed <= bytes.size());
            FUZZ_CHECK((step.what == body_reader::event::data) == !step.data.empty());
            o.body += step.data;
            o.consumed += step.consumed;
            if (step.what == body_reader::event::bad) {
                o.what = event::bad;
                o.cause = fault.cause;
                return o;
            }
            if (step.what == body_reader::event::end) {
                FUZZ_CHECK(reader.over());
                check_fields(trailers);
            }
            if (step.what == body_reader::event::need_more) break;
        }
    }
    o.what = reader.over() ? event::trailers : event::need_more;
    return o;
}

// The same, but that a fault of a trailer may be seen later in pieces, at the end of its line.
void check_body(std::string_view input, std::uint32_t seed) {
    const auto pieces = [&seed] {
        seed = seed * 1664525u + 1013904223u;
        return (seed >> 28) + 1;
    };
    const framing chunks{body_kind::chunked, 0, true};
    const auto whole = read_body(chunks, input, [&] { return input.size(); });
    const auto split = read_body(chunks, input, pieces);
    FUZZ_CHECK(split.body == whole.body);
    if (whole.what != event::bad) {
        FUZZ_CHECK(split == whole);
    } else if (split.what != event::need_more) {
        FUZZ_CHECK(split.what == event::bad && split.cause == whole.cause);
    }
    const framing length{body_kind::length, seed % 64, true};
    const auto known = read_body(length, input, pieces);
    FUZZ_CHECK(known.body == input.substr(0, length.length));
    FUZZ_CHECK((known.what == event::trailers) == (input.size() >= length.length));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 4) return 0;
    std::uint32_t seed = 0;
    std::memcpy(&seed, data, 4);
    const std::string_view input(reinterpret_cast<const char*>(data) + 4, size - 4);

    const outcome whole = decode_whole(input);
    FUZZ_CHECK(decode(input, [] { return 1; }) == whole);
    FUZZ_CHECK(decode(input, [&seed] {
                   seed = seed * 1664525u + 1013904223u;
                   return (seed >> 28) + 1;
               }) == whole);
    for (std::size_t first = 1; first < input.size() && input.size() < 64; ++first) {
        bool begun = false;
        FUZZ_CHECK(decode(input, [&] {
                       return std::exchange(begun, true) ? input.size() : first;
                   }) == whole);
    }
    check_body(input, seed);
    check_written_again(whole.body);
    return 0;
}
