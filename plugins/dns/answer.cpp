#include "answer.hpp"

#include <algorithm>
#include <cstring>

namespace dns {

namespace {

constexpr std::size_t head_bytes = 12, name_bytes_max = 255, label_bytes_max = 63;
constexpr std::uint16_t class_in = 1;

// Reads on from `at`; past the end nothing more is read, and `good` is false.
class reader {
public:
    explicit reader(std::string_view all) : all_(all) {}

    bool good() const noexcept { return good_; }
    std::size_t at() const noexcept { return at_; }
    void skip(std::size_t bytes) noexcept { (void)take(bytes); }
    std::string_view take(std::size_t bytes) noexcept {
        if (bytes > all_.size() - at_) {
            fail();
            return {};
        }
        at_ += bytes;
        return all_.substr(at_ - bytes, bytes);
    }
    std::uint16_t u16() noexcept { return static_cast<std::uint16_t>(number(2)); }
    std::uint32_t u32() noexcept { return number(4); }

    // In lower case, each label behind its length, so that a dot in a label is no border. A pointer
    // must lead to what stands before it, which ends every loop.
    std::string name() {
        std::string out;
        std::size_t from = at_, after = 0, limit = at_;
        while (good_) {
            const auto length = byte(from);
            if (length >= 0xc0) {
                const std::size_t to = (length & 0x3fu) << 8 | byte(from + 1);
                if (after == 0) after = from + 2;
                if (to >= limit) fail();
                from = limit = to;
                continue;
            }
            if (length > label_bytes_max || out.size() + length + 1 > name_bytes_max) fail();
            if (!good_ || length == 0) break;
            if (from + 1 + length > all_.size()) fail();
            if (good_) add_label(all_.substr(from, 1 + length), out);
            from += 1 + length;
        }
        at_ = after != 0 ? after : from + 1;
        if (at_ > all_.size()) fail();
        return out;
    }

private:
    void fail() noexcept {
        good_ = false;
        at_ = all_.size();
    }
    unsigned byte(std::size_t at) noexcept {
        if (at < all_.size()) return static_cast<unsigned char>(all_[at]);
        fail();
        return 0;
    }
    std::uint32_t number(std::size_t bytes) noexcept {
        std::uint32_t n = 0;
        for (const char c : take(bytes)) n = n << 8 | static_cast<unsigned char>(c);
        return n;
    }
    static void add_label(std::string_view label, std::string& out) {
        for (const char c : label)
            out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }

    const std::string_view all_;
    std::size_t at_ = 0;
    bool good_ = true;
};

struct record {
    std::string owner;
    record_type type;
    std::uint32_t ttl;
    std::string data;  // Of a CNAME: the name.
};

answer bad(const char* why) {
    answer out;
    out.problem = why;
    return out;
}

// Of the answer section, those that matter. False: the message is damaged.
bool read_records(reader& in, unsigned count, record_type wanted, std::vector<record>& out) {
    for (unsigned i = 0; i < count; ++i) {
        record r;
        r.owner = in.name();
        r.type = static_cast<record_type>(in.u16());
        const auto its_class = in.u16();
        r.ttl = in.u32();
        if (r.ttl >> 31) r.ttl = 0;
        const std::size_t size = in.u16(), begin = in.at();
        if (r.type == record_type::cname) {
            r.data = in.name();
            if (in.good() && in.at() != begin + size) return false;
        } else {
            r.data = in.take(size);
        }
        if (!in.good()) return false;
        if (its_class == class_in && (r.type == wanted || r.type == record_type::cname))
            out.push_back(std::move(r));
    }
    return true;
}

// Follows the CNAMEs from `name`; the TTL becomes the least of theirs.
bool follow(const std::vector<record>& all, std::string& name, std::uint32_t& ttl) {
    for (unsigned links = 0; links <= cnames_max; ++links) {
        const auto next = std::find_if(all.begin(), all.end(), [&](const record& r) {
            return r.type == record_type::cname && r.owner == name;
        });
        if (next == all.end()) return true;
        name = next->data;
        ttl = std::min(ttl, next->ttl);
    }
    return false;
}

pk_address address_of(const record& r) noexcept {
    pk_address a{};
    a.family = r.data.size() == 4 ? 4 : 6;
    std::memcpy(a.bytes, r.data.data(), r.data.size());
    return a;
}

bool starts_with(const pk_address& a, std::initializer_list<std::uint8_t> bytes) noexcept {
    return std::equal(bytes.begin(), bytes.end(), a.bytes);
}

}  // namespace

answer read_answer(std::string_view message, record_type type) {
    reader in(message);
    in.skip(2);
    const auto flags = in.u16(), questions = in.u16(), answers = in.u16();
    in.skip(head_bytes - 8);
    if (!in.good() || !(flags & 0x8000) || questions != 1) return bad("damaged answer");
    if (flags & 0x0200) return bad("truncated answer");
    if (flags & 0x000f) return bad("error code in the answer");
    std::string name = in.name();
    const auto asked = in.u16(), its_class = in.u16();
    if (!in.good()) return bad("damaged answer");
    if (asked != static_cast<std::uint16_t>(type) || its_class != class_in)
        return bad("answer to another question");
    std::vector<record> all;
    if (!read_records(in, answers, type, all)) return bad("damaged answer");
    answer out;
    std::uint32_t ttl = UINT32_MAX;
    if (!follow(all, name, ttl)) return bad("too many CNAMEs");
    const std::size_t size = type == record_type::a ? 4 : 16;
    for (const record& r : all) {
        if (r.type != type || r.owner != name) continue;
        if (r.data.size() != size) return bad("damaged answer");
        if (out.addresses.size() == addresses_max) {
            out.more = true;
            break;
        }
        out.addresses.push_back(address_of(r));
        ttl = std::min(ttl, r.ttl);
    }
    out.ttl = ttl == UINT32_MAX ? 0 : ttl;
    return out;
}

bool is_nowhere(const pk_address& a) noexcept {
    static constexpr std::uint8_t zeros[16] = {};
    if (a.family == 4) return a.bytes[0] == 0 || a.bytes[0] >= 224;
    return a.bytes[0] == 0xff || std::memcmp(a.bytes, zeros, sizeof zeros) == 0;
}

bool is_local(const pk_address& a) noexcept {
    if (a.family == 4) return a.bytes[0] == 127 || starts_with(a, {169, 254});
    pk_address loopback{};
    loopback.bytes[15] = 1;
    return std::memcmp(a.bytes, loopback.bytes, sizeof a.bytes) == 0 ||
           (a.bytes[0] == 0xfe && (a.bytes[1] & 0xc0) == 0x80);
}

}  // namespace dns
