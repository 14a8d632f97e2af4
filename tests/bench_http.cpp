// How long the codec's steps take for a browser's request of about 500 bytes. Run by hand.

#include <benchmark/benchmark.h>

#include "kernel/http/chunked.hpp"
#include "kernel/http/framing.hpp"
#include "kernel/http/head.hpp"
#include "kernel/http/target.hpp"
#include "kernel/http/writer.hpp"

using namespace pkernel;
using namespace pkernel::http;

namespace {

constexpr std::string_view browser =
    "GET /static/css/site.min.css?v=20240611 HTTP/1.1\r\n"
    "Host: www.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/css,*/*;q=0.1\r\n"
    "Accept-Language: en-US,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Connection: keep-alive\r\n"
    "Referer: https://www.example.com/articles/2024/06/index.html\r\n"
    "Cookie: session=4f7c2a90d1b84e0e9d7f1b2f7e6a5c33; theme=dark; consent=1\r\n"
    "Sec-Fetch-Dest: style\r\n"
    "If-None-Match: \"5f3e-61a8c2d4\"\r\n"
    "\r\n";

constexpr std::string_view answer =
    "HTTP/1.1 200 OK\r\n"
    "X-Powered-By: Express\r\n"
    "Content-Type: application/json; charset=utf-8\r\n"
    "Content-Length: 1024\r\n"
    "ETag: W/\"400-aXb3kPq7Yy0yXw0Zc2eM5w5nC9o\"\r\n"
    "Date: Tue, 24 Nov 2026 21:55:28 GMT\r\n"
    "Connection: keep-alive\r\n"
    "Keep-Alive: timeout=5\r\n"
    "\r\n";

void parse_request_head(benchmark::State& state) {
    base::block_pool pool;
    for (auto _ : state) {
        base::arena arena(pool);
        request_head head(arena);
        std::size_t consumed = 0;
        parse_fault fault;
        benchmark::DoNotOptimize(parse_request(browser, 0, {}, head, &consumed, fault));
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * browser.size()));
}
BENCHMARK(parse_request_head);

void parse_response_head(benchmark::State& state) {
    base::block_pool pool;
    for (auto _ : state) {
        base::arena arena(pool);
        response_head head(arena);
        std::size_t consumed = 0;
        parse_fault fault;
        benchmark::DoNotOptimize(parse_response(answer, 0, {}, head, &consumed, fault));
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * answer.size()));
}
BENCHMARK(parse_response_head);

void canonical_request(benchmark::State& state) {
    base::block_pool pool;
    for (auto _ : state) {
        base::arena arena(pool);
        request_head head(arena);
        std::size_t consumed = 0;
        parse_fault fault;
        pk_request request{};
        parse_request(browser, 0, {}, head, &consumed, fault);
        benchmark::DoNotOptimize(make_request(head, true, arena, request, fault));
        remove_connection_fields(head.headers);
    }
}
BENCHMARK(canonical_request);

void one_path(benchmark::State& state, std::string_view path) {
    base::block_pool pool;
    base::arena arena(pool);
    for (auto _ : state) {
        path_reading out;
        benchmark::DoNotOptimize(read_path(path, arena, out));
        arena.reset();
    }
}
BENCHMARK_CAPTURE(one_path, plain, std::string_view("/static/css/site.min.css"));
BENCHMARK_CAPTURE(one_path, escaped, std::string_view("/a%20b/../caf%C3%A9/index.html"));

void write_head(benchmark::State& state) {
    base::block_pool pool;
    base::arena arena(pool);
    request_head head(arena);
    std::size_t consumed = 0;
    parse_fault fault;
    parse_request(browser, 0, {}, head, &consumed, fault);
    char out[2048];
    for (auto _ : state) {
        head_writer writer(out, sizeof(out));
        writer.text(status_line(200));
        writer.fields_of(head.headers);
        writer.finish();
        benchmark::DoNotOptimize(writer.size());
        benchmark::ClobberMemory();
    }
}
BENCHMARK(write_head);

void decode_chunks(benchmark::State& state) {
    std::string body;
    for (int i = 0; i < 64; ++i) body += "400\r\n" + std::string(1024, 'x') + "\r\n";
    body += "0\r\n\r\n";
    for (auto _ : state) {
        chunked_decoder decoder;
        parse_fault fault;
        std::string_view rest = body;
        for (;;) {
            const auto step = decoder.next(rest, fault);
            rest.remove_prefix(step.consumed);
            if (step.what != chunked_decoder::event::data) break;
        }
        benchmark::DoNotOptimize(rest);
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * body.size()));
}
BENCHMARK(decode_chunks);

}  // namespace

BENCHMARK_MAIN();
