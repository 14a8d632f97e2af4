// The chunked coding: every split of the bytes gives the same body and verdict, and what was
// decoded can be written and decoded again.

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "fuzz_check.hpp"
#include "kernel/http/chunked.hpp"

using namespace pkernel::http;

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
    check_written_again(whole.body);
    return 0;
}
