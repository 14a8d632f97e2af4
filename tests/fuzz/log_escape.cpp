// The access log: whatever a record holds, JSON is one line of JSON in UTF-8, the combined format
// is one line of printable ASCII in which only its own quotes are bare; and a redacted value is
// gone.

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "formats.hpp"
#include "fuzz_check.hpp"

namespace {

constexpr std::string_view canary = "VERYSECRET";

// A reader of JSON that keeps nothing: RFC 8259, no more.
class json_line {
public:
    explicit json_line(std::string_view text) : rest_(text) {}
    bool valid() { return value(0) && rest_ == "\n"; }

private:
    bool take(char c) {
        if (rest_.empty() || rest_[0] != c) return false;
        rest_.remove_prefix(1);
        return true;
    }
    bool word(std::string_view w) {
        if (!rest_.starts_with(w)) return false;
        rest_.remove_prefix(w.size());
        return true;
    }
    bool value(int depth) {
        if (depth > 3 || rest_.empty()) return false;
        if (rest_[0] == '{') return object(depth);
        if (rest_[0] == '"') return string();
        return word("null") || word("true") || word("false") || number();
    }
    bool object(int depth) {
        if (!take('{')) return false;
        if (take('}')) return true;
        do {
            if (!string() || !take(':') || !value(depth + 1)) return false;
        } while (take(','));
        return take('}');
    }
    bool number() {
        const auto end = std::min(rest_.find_first_not_of("0123456789.-"), rest_.size());
        rest_.remove_prefix(end);
        return end > 0;
    }
    bool string() {
        if (!take('"')) return false;
        while (!rest_.empty() && rest_[0] != '"') {
            if (static_cast<unsigned char>(rest_[0]) < 0x20) return false;
            if (rest_[0] == '\\') {
                if (rest_.size() < 2) return false;
                if (rest_[1] == 'u') {
                    if (rest_.size() < 6 || rest_.substr(2, 4).find_first_not_of(
                                                "0123456789abcdefABCDEF") != std::string_view::npos)
                        return false;
                    rest_.remove_prefix(6);
                    continue;
                }
                if (std::string_view("\"\\/bfnrt").find(rest_[1]) == std::string_view::npos)
                    return false;
                rest_.remove_prefix(2);
            } else if (!utf8()) {
                return false;
            }
        }
        return take('"');
    }
    // One character: no overlong form, no surrogate, nothing above U+10FFFF.
    bool utf8() {
        const auto at = [this](std::size_t i) { return static_cast<unsigned char>(rest_[i]); };
        const unsigned lead = at(0);
        const std::size_t size = lead < 0x80   ? 1
                                 : lead < 0xc2 ? 0
                                 : lead < 0xe0 ? 2
                                 : lead < 0xf0 ? 3
                                 : lead < 0xf5 ? 4
                                               : 0;
        if (size == 0 || rest_.size() < size) return false;
        unsigned code = size == 1 ? lead : lead & (0x7fu >> size);
        for (std::size_t i = 1; i < size; ++i) {
            if ((at(i) & 0xc0) != 0x80) return false;
            code = code << 6 | (at(i) & 0x3f);
        }
        if (size == 3 && (code < 0x800 || (code >= 0xd800 && code < 0xe000))) return false;
        if (size == 4 && (code < 0x10000 || code > 0x10ffff)) return false;
        rest_.remove_prefix(size);
        return true;
    }

    std::string_view rest_;
};

bool is_combined_line(std::string_view line) {
    if (line.empty() || line.back() != '\n') return false;
    line.remove_suffix(1);
    std::size_t quotes = 0;
    for (const char c : line) {
        if (c < 0x20 || c > 0x7e) return false;
        quotes += c == '"' ? 1 : 0;
    }
    return quotes == 6;
}

pk_str lend(std::string_view s) {
    return {s.data(), s.size()};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    const auto next = [&rest] {
        if (rest.empty()) return std::string_view();
        const std::size_t want = static_cast<unsigned char>(rest[0]);
        rest.remove_prefix(1);
        const auto out = rest.substr(0, want);
        rest.remove_prefix(out.size());
        return out;
    };
    const std::string query = std::string(next()) + "&token=" + std::string(canary);
    const std::string cookie = "a=" + std::string(canary);
    pk_request request{};
    for (pk_str* part : {&request.id, &request.method, &request.path, &request.authority,
                         &request.scheme, &request.listener, &request.route})
        *part = lend(next());
    request.has_query = 1;
    request.query = lend(query);
    std::vector<pk_field> fields;
    const auto add = [&fields](std::string_view name, std::string_view value, std::uint32_t id) {
        pk_field f{};
        f.name = lend(name);
        f.value = lend(value);
        f.id = id;
        fields.push_back(f);
    };
    add("User-Agent", next(), PK_FIELD_USER_AGENT);
    add("Referer", next(), PK_FIELD_REFERER);
    add("cookie", cookie, PK_FIELD_COOKIE);
    add("x-any", next(), PK_FIELD_OTHER);
    const pk_annotation note{lend(next()), lend(next())};
    pk_record record{};
    record.request = &request;
    record.request_fields = {fields.data(), static_cast<std::uint32_t>(fields.size()),
                             sizeof(pk_field)};
    record.annotations = &note;
    record.annotation_count = 1;
    record.annotation_stride = sizeof note;
    for (pk_str* part : {&record.end_reason, &record.upstream, &record.endpoint, &record.protocol})
        *part = lend(next());
    std::memcpy(&record.status, data, std::min<std::size_t>(size, 2));
    std::memcpy(&record.duration_ns, data, std::min<std::size_t>(size, 8));
    record.start_unix_ns = record.duration_ns % 4'000'000'000'000'000'000u;

    const access_log::wanted what{{pk::field_id("cookie"), pk::field_id("x-any")},
                                  access_log::query_names({"token"})};
    access_log::time_text time;
    std::string line;
    std::string scratch;
    access_log::writer w{line, scratch, time};
    access_log::append_json_line(w, record, what);
    FUZZ_CHECK(json_line(line).valid());
    FUZZ_CHECK(line.find(canary) == std::string::npos ||
               std::string_view(reinterpret_cast<const char*>(data), size).find(canary) !=
                   std::string_view::npos);
    line.clear();
    access_log::append_combined_line(w, record, what);
    FUZZ_CHECK(is_combined_line(line));
    return 0;
}
