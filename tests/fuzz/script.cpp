#include "script.hpp"

#include <vector>

#include "fuzz_check.hpp"
#include "kernel/http/chunked.hpp"
#include "kernel/http/framing.hpp"
#include "kernel/http/head.hpp"

namespace pkernel::fuzz {

namespace {

using namespace http;

constexpr std::size_t clients_max = 4;
constexpr std::size_t tries_max = 3;  // Of one request, the first counted.

constexpr std::string_view of_client[] = {
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    "5\r\nhello\r\n",
    "0\r\n\r\n",
    "0\r\nX: y\r\n\r\n",
    "GET /close HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "GET /old HTTP/1.0\r\n\r\n",
    "PUT /e HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n",
    "GET /here HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n",
    "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    "GET /u HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "\r\n",
    "GET /",
};

constexpr std::string_view of_origin[] = {
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "3\r\nabc\r\n",
    "0\r\n\r\n",
    "0\r\nX-Sum: 1\r\n\r\n",
    "HTTP/1.1 200 OK\r\n\r\nuntil the end",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
    "HTTP/1.1 204 No Content\r\n\r\n",
    "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx",
    "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "rubbish\r\n\r\n",
};

enum class act : std::uint8_t {
    client_text,
    client_piece,
    client_bulk,
    client_end,
    origin_text,
    origin_piece,
    origin_bulk,
    origin_end,
    other_client,
    reading,
    time,
    count
};

// The last that is open still, or the last.
peer& current(const std::vector<std::unique_ptr<peer>>& all) {
    for (auto i = all.rbegin(); i != all.rend(); ++i)
        if ((*i)->fd) return **i;
    return *all.back();
}

void end(peer& p, unsigned how) {
    if (how % 3 == 0)
        p.half_close();
    else
        p.close();  // With unread bytes in it that is a reset.
}

// Reads one body; false when it is not whole.
bool skip_body(std::string_view& text, const framing& f, base::arena& arena) {
    if (f.kind == body_kind::none) return true;
    if (f.kind == body_kind::until_close) {
        text = {};
        return false;
    }
    if (f.kind == body_kind::length) {
        const bool whole = text.size() >= f.length;
        text.remove_prefix(whole ? f.length : text.size());
        return whole;
    }
    chunked_decoder decoder;
    parse_fault fault;
    for (;;) {
        const auto got = decoder.next(text, fault);
        text.remove_prefix(got.consumed);
        FUZZ_CHECK(got.what != chunked_decoder::event::bad);
        if (got.what == chunked_decoder::event::need_more) return false;
        if (got.what == chunked_decoder::event::trailers) break;
    }
    fields trailers(arena);
    std::size_t used = 0;
    const auto end = parse_trailers(text, 0, {}, trailers, &used, fault);
    FUZZ_CHECK(end != parse_result::bad);
    if (end != parse_result::complete) return false;
    text.remove_prefix(used);
    return true;
}

// The methods of the requests that begin in these bytes; what cannot be read ends it, `strict`: is
// a finding.
std::vector<std::string> requests(std::string_view text, bool strict) {
    std::vector<std::string> out;
    base::block_pool pool;
    while (!text.empty()) {
        base::arena arena(pool);
        request_head head(arena);
        parse_fault fault;
        std::size_t used = 0;
        const auto result = parse_request(text, 0, {}, head, &used, fault);
        FUZZ_CHECK(!strict || result != parse_result::bad);
        // One that was not whole may have been answered, too, before its method was known.
        if (result != parse_result::complete) return out.emplace_back(), out;
        out.emplace_back(head.method);
        framing f;
        const bool framed = request_framing(head, f, fault);
        FUZZ_CHECK(!strict || framed);
        text.remove_prefix(used);
        if (!framed) return out;
        if (strict) {
            if (!skip_body(text, f, arena)) return out;
            continue;
        }
        // A client may send nonsense in its chunks: nothing behind them counts.
        if (f.kind == body_kind::chunked) return out.emplace_back(), out;
        if (!skip_body(text, f, arena)) return out;
    }
    return out;
}

void judge_client(const peer& c, const std::vector<std::string>& methods, bool counted) {
    std::string_view text = c.got;
    std::size_t answers = 0;
    base::block_pool pool;
    while (!text.empty()) {
        base::arena arena(pool);
        response_head head(arena);
        parse_fault fault;
        std::size_t used = 0;
        const auto result = parse_response(text, 0, {}, head, &used, fault);
        FUZZ_CHECK(result != parse_result::bad);
        if (result != parse_result::complete) return;
        text.remove_prefix(used);
        framing f;
        const bool to_head = answers < methods.size() && methods[answers] == "HEAD";
        FUZZ_CHECK(response_framing(head, to_head, false, f, fault));
        FUZZ_CHECK(head.status != 101);
        if (head.status < 200) continue;
        ++answers;
        if (!skip_body(text, f, arena)) return;
    }
    FUZZ_CHECK(!counted || answers <= methods.size());
}

}  // namespace

std::span<const std::string_view> client_pieces() {
    return of_client;
}
std::span<const std::string_view> origin_pieces() {
    return of_origin;
}

bool step(worker_rig& rig, reader& in) {
    if (in.empty()) return false;
    const unsigned b = in.byte();
    const unsigned much = b / static_cast<unsigned>(act::count);
    const auto what = static_cast<act>(b % static_cast<unsigned>(act::count));
    if (rig.clients.empty()) rig.connect();
    peer& client = current(rig.clients);
    const bool origin_acts = what >= act::origin_text && what <= act::origin_end;
    if (origin_acts && rig.origins.empty()) return true;
    peer& origin = origin_acts ? current(rig.origins) : client;
    switch (what) {
        case act::client_text:
        case act::origin_text:
            origin.send(in.text(in.byte()));
            break;
        case act::client_piece:
            client.send(of_client[much % std::size(of_client)]);
            break;
        case act::origin_piece:
            origin.send(of_origin[much % std::size(of_origin)]);
            break;
        case act::client_bulk:
        case act::origin_bulk:
            origin.send(std::string(std::size_t{much + 1} * 4096, 'b'));
            break;
        case act::client_end:
        case act::origin_end:
            end(origin, much);
            break;
        case act::other_client:
            if (rig.clients.size() < clients_max) rig.connect();
            break;
        case act::reading:
            for (const auto* all : {&rig.clients, &rig.origins})
                for (const auto& p : *all) p->reads = much % 2 == 0;
            break;
        case act::time:
        case act::count:
            rig.pass(std::chrono::milliseconds(std::int64_t{25} << much % 13));
            break;
    }
    rig.turn();
    return true;
}

void judge(const worker_rig& rig) {
    std::size_t asked = 0;
    bool counted = true;
    for (const auto& c : rig.clients) {
        const auto methods = requests(c->sent, false);
        asked += methods.size();
        // Behind a chunked body only the worker knows what is a request.
        const bool known = c->sent.find("hunked") == std::string::npos;
        counted = counted && known;
        judge_client(*c, methods, known);
    }
    std::size_t arrived = 0;
    for (const auto& o : rig.origins) arrived += requests(o->got, true).size();
    FUZZ_CHECK(!counted || arrived <= asked * tries_max);
}

}  // namespace pkernel::fuzz
