// differential SEEDS request|response COUNT [ACCEPTED]: mutates seeds and compares what our parser
// accepts with what Boost.Beast reads. A message that both accept and read differently is printed
// and makes the exit code 1; what Beast refuses or finds unfinished is counted by reason. With
// ACCEPTED, what we accept is written there for llhttp.mjs: one message a line, as hex words.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <random>

#include "reading.hpp"

using namespace pkernel::differential;

namespace {

using random_source = std::mt19937;

std::vector<std::string> load_seeds(const std::filesystem::path& directory) {
    std::vector<std::string> seeds;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
        std::ifstream file(entry.path(), std::ios::binary);
        std::string text(std::istreambuf_iterator<char>(file), {});
        // The first four bytes steer the fuzz target.
        if (text.size() > 4) seeds.push_back(text.substr(4));
    }
    std::sort(seeds.begin(), seeds.end());
    return seeds;
}

std::size_t below(random_source& random, std::size_t n) {
    return n ? random() % n : 0;
}

constexpr std::string_view pieces[] = {
    "\r\n",
    "\n",
    "\r",
    " ",
    "\t",
    ":",
    ",",
    ";",
    "0",
    "\r\n\r\n",
    "chunked",
    "Content-Length: 3\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Connection: close\r\n",
    "Host: a\r\n",
    "HTTP/1.1",
    "HTTP/1.0",
    "http://b",
    "3\r\nabc\r\n0\r\n\r\n",
    "0\r\n\r\n",
    "X: y\r\n",
    "\x0b",
    "\x80",
    "+",
    "-",
    "3",
    "\"",
    "_",
    "%2e",
    "/",
    "?",
    "close",
    "keep-alive",
};

void mutate(std::string& text, random_source& random, const std::vector<std::string>& seeds) {
    const auto at = below(random, text.size() + 1);
    const auto size = below(random, 8) + 1;
    const auto byte = static_cast<char>(random());
    switch (random() % 7) {
        case 0:
            text.erase(at, size);
            break;
        case 1:
            text.insert(at, pieces[below(random, std::size(pieces))]);
            break;
        case 2:
            text.insert(at, text.substr(below(random, text.size()), size * 4));
            break;
        case 3:
            if (at < text.size()) text[at] = byte;
            break;
        case 4:
            text.insert(at, 1, byte);
            break;
        case 5:
            if (at < text.size()) text[at] = static_cast<char>(text[at] ^ 0x20);
            break;
        default: {
            const auto& other = seeds[below(random, seeds.size())];
            text = text.substr(0, at) + other.substr(below(random, other.size()));
        }
    }
}

std::string hex(std::string_view text) {
    std::string out = "x";
    for (const char c : text) {
        out += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
        out += "0123456789abcdef"[c & 15];
    }
    return out;
}

void emit(std::ostream& to, const std::string& text, const reading& r) {
    to << hex(text) << ' ' << r.used << ' ' << r.until_close << ' ' << hex(r.start) << ' '
       << hex(r.body);
    for (const auto& [name, value] : r.fields) to << ' ' << hex(name) << ' ' << hex(value);
    to << '\n';
}

struct tally {
    std::size_t accepted = 0;
    std::size_t different = 0;
    std::map<std::string, std::size_t> beast_refuses;

    void judge(const std::string& text, const reading& ours, const reading& beast) {
        ++accepted;
        if (beast.what == verdict::needs_more) ++beast_refuses["needs more"];
        if (beast.what == verdict::refused) ++beast_refuses[beast.error];
        if (beast.what != verdict::accepted) return;
        const auto what = difference(ours, beast);
        if (what.empty()) return;
        if (++different <= 20)
            std::cout << "read differently: " << what << "\n---\n" << text << "\n---\n";
    }
};

}  // namespace

int main(int count, char** words) {
    if (count < 4) return 2;
    const auto seeds = load_seeds(words[1]);
    const bool request = std::string_view(words[2]) == "request";
    const auto runs = std::stoul(words[3]);
    std::ofstream accepted;
    if (count > 4) accepted.open(words[4]);
    if (seeds.empty()) return 2;

    // Most seeds are bad in some way: what mutates should mostly begin well.
    std::vector<std::string> bases;
    for (const auto& text : seeds)
        if (read_ours(text, request).what == verdict::accepted) bases.push_back(text);
    random_source random(1);
    tally result;
    for (std::size_t run = 0; run < runs; ++run) {
        std::string text = run % 8 ? bases[run % bases.size()] : seeds[run / 8 % seeds.size()];
        for (auto n = below(random, 5); n > 0; --n) mutate(text, random, seeds);
        const reading ours = read_ours(text, request);
        if (ours.what != verdict::accepted) continue;
        result.judge(text, ours, read_beast(text, request));
        if (accepted.is_open()) emit(accepted, text, ours);
    }
    std::cout << runs << " messages, " << result.accepted << " accepted by us, " << result.different
              << " read differently by Beast\n";
    for (const auto& [why, n] : result.beast_refuses) std::cout << "  " << n << " " << why << "\n";
    return result.different ? 1 : 0;
}
