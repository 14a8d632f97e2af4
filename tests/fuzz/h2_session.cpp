// HTTP/2 connections: frames that are nearly right, heads and bodies among them, through the plugin
// and a whole worker to an origin. The origin must get requests that HTTP/1 reads in one way only,
// the client frames that are whole, and nothing may be left behind.

#include <algorithm>

#include "fuzz_check.hpp"
#include "script.hpp"

using namespace pkernel::fuzz;

namespace {

constexpr std::string_view routes =
    "  - match: { path: /here }\n"
    "    handler: { respond: { status: 200, body: \"here\" } }\n"
    "  - match: { path: / }\n"
    "    forward: app\n"
    "    limits: { request_body: 1MiB }\n";
constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr int steps_max = 80;
constexpr std::size_t frame_head = 9;

std::string frame(unsigned type, unsigned flags, std::uint32_t stream, std::string_view payload) {
    std::string f;
    for (int shift : {16, 8, 0}) f += static_cast<char>(payload.size() >> shift);
    f += static_cast<char>(type);
    f += static_cast<char>(flags);
    for (int shift : {24, 16, 8, 0}) f += static_cast<char>(stream >> shift);
    return f.append(payload);
}

void put(std::string& block, std::string_view name, std::string_view value) {
    block += '\0';
    for (std::string_view text : {name, value}) {
        block += static_cast<char>(text.size());
        block.append(text);
    }
}

// A head that is right but for what the input adds to it.
std::string head(reader& in) {
    constexpr std::string_view methods[] = {"GET", "POST", "HEAD", "CONNECT", "OPTIONS"};
    constexpr std::string_view paths[] = {"/", "/here", "/x?y=1", "*", "/a b", ""};
    constexpr std::string_view names[] = {
        "content-length", "te",    "host",     "cookie",
        "expect",         "Upper", "priority", "transfer-encoding"};
    const unsigned how = in.byte();
    std::string block;
    put(block, ":method", methods[how % 5]);
    put(block, ":scheme", "http");
    if (how & 64) put(block, ":authority", "a.test");
    put(block, ":path", paths[(how >> 3) % 6]);
    for (unsigned n = in.byte() % 4; n > 0; --n) {
        const unsigned which = in.byte();
        put(block, names[which % 8], in.text(which >> 5));
    }
    if (how & 128) block.append(in.text(in.byte() % 32));  // Tables, sizes, nonsense.
    return block;
}

void client_step(peer& c, unsigned what, reader& in) {
    const std::uint32_t stream = in.byte() % 16;
    const unsigned flags = in.byte();
    switch (what) {
        case 0:
            return c.send(frame(1, flags & 0x25u, stream, head(in)));
        case 1:
            return c.send(frame(1, 5, stream | 1u, head(in)));
        case 2:
            return c.send(frame(0, flags & 0x9u, stream, in.text(in.byte())));
        case 3:
            return c.send(
                frame(8, 0, stream, std::string{'\0', '\0', '\x7f', static_cast<char>(flags)}));
        case 4:
            return c.send(
                frame(3, 0, stream, std::string{'\0', '\0', '\0', static_cast<char>(flags)}));
        case 5:
            return c.send(frame(4, flags & 1u, 0, in.text(6 * (flags % 4))));
        case 6:
            return c.send(frame(in.byte(), flags, stream, in.text(in.byte() % 64)));
        default:
            return c.send(in.text(in.byte() % 64));
    }
}

void origin_step(peer& o, reader& in) {
    constexpr std::string_view pieces[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\npart",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\nuntil the end"};
    const unsigned which = in.byte();
    if (which % 9 == 8) return o.close();
    if (which % 9 == 7) return o.send(std::string(20'000, 'b'));
    o.send(pieces[which % 9]);
}

bool h2_step(worker_rig& rig, reader& in) {
    if (in.empty()) return false;
    const unsigned what = in.byte();
    if (rig.clients.empty() || (what == 255 && rig.clients.size() < 3))
        rig.connect().send(std::string(preface) + frame(4, 0, 0, {}) + frame(4, 1, 0, {}));
    peer& c = *rig.clients[in.byte() % rig.clients.size()];
    switch (what % 16) {
        case 15:
            rig.pass(std::chrono::milliseconds(in.byte() * 100));
            break;
        case 14:
            c.reads = !c.reads;
            break;
        case 13:
            in.byte() % 4 == 0 ? c.close() : c.half_close();
            break;
        case 12:
        case 11:
        case 10:
            if (!rig.origins.empty()) origin_step(*rig.origins[in.byte() % rig.origins.size()], in);
            break;
        default:
            client_step(c, what % 8, in);
    }
    if (what & 64) rig.turn();  // Else more comes in the same packet.
    return true;
}

// Frames one after the other, none larger than was agreed.
void judge_frames(std::string_view got) {
    while (got.size() >= frame_head) {
        const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(got[i]); };
        const std::size_t size = std::size_t{byte(0)} << 16 | byte(1) << 8 | byte(2);
        FUZZ_CHECK(size <= 16'384);
        FUZZ_CHECK(byte(3) <= 9);
        if (got.size() < frame_head + size) return;
        got.remove_prefix(frame_head + size);
    }
}

// Whatever the client sent, a request line is one line of three words, and no field says two
// lengths.
void judge_request(std::string_view got) {
    if (got.empty()) return;
    const auto line = got.substr(0, got.find("\r\n"));
    if (line.size() == got.size()) return;
    FUZZ_CHECK(line.ends_with(" HTTP/1.1"));
    FUZZ_CHECK(std::count(line.begin(), line.end(), ' ') == 2);
    const auto head = got.substr(0, got.find("\r\n\r\n"));
    const auto count = [&](std::string_view name) {
        int n = 0;
        for (auto at = head.find(name); at != head.npos; at = head.find(name, at + 1)) ++n;
        return n;
    };
    FUZZ_CHECK(count("\r\nHost: ") + count("\r\nhost: ") == 1);
    FUZZ_CHECK(count("\r\nContent-Length: ") + count("\r\nTransfer-Encoding: ") <= 1);
    FUZZ_CHECK(count("\r\ncontent-length: ") + count("\r\ntransfer-encoding: ") == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // Until exit.
    static worker_rig& rig = *new worker_rig(PKERNEL_FUZZ_PLUGINS, routes, ", codecs: [ http2 ]");
    reader in{{reinterpret_cast<const char*>(data), size}};
    for (int i = 0; i < steps_max && h2_step(rig, in); ++i) {
    }
    for (const auto& c : rig.clients) c->reads = true;
    rig.turn();
    for (const auto& c : rig.clients) judge_frames(c->got);
    for (const auto& o : rig.origins) judge_request(o->got);
    FUZZ_CHECK(rig.end_run());
    return 0;
}
