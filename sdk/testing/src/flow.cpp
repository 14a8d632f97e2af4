#include <pkernel/testing/options.hpp>
#include <stdexcept>

namespace pk::testing {
namespace {

class reader {
public:
    explicit reader(std::string_view text) : rest_(text) {}

    flow value() {
        skip();
        if (eat('[')) return list();
        if (eat('{')) return map('}');
        flow f;
        f.text = scalar();
        return f;
    }

    flow map(char close) {
        flow f;
        f.what = flow::kind::map;
        while (true) {
            skip();
            if (done(close)) return f;
            f.keys.push_back(scalar());
            skip();
            if (!eat(':')) throw std::runtime_error("expected ':' after '" + f.keys.back() + "'");
            f.items.push_back(value());
            skip();
            if (!eat(',') && !done_next(close)) throw std::runtime_error("expected ','");
        }
    }

    void expect_end() {
        skip();
        if (!rest_.empty()) throw std::runtime_error("left over: " + std::string(rest_));
    }

    // Whether the text begins with `word:`, as a map without braces does.
    bool begins_map() {
        skip();
        if (rest_.empty()) return true;
        const auto end = rest_.find_first_not_of(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
        return end != 0 && end != std::string_view::npos && rest_[end] == ':' &&
               (end + 1 == rest_.size() || rest_[end + 1] == ' ');
    }

private:
    flow list() {
        flow f;
        f.what = flow::kind::list;
        while (true) {
            skip();
            if (eat(']')) return f;
            f.items.push_back(value());
            skip();
            if (!eat(',') && !done_next(']')) throw std::runtime_error("expected ',' or ']'");
        }
    }

    std::string scalar() {
        if (!rest_.empty() && (rest_[0] == '"' || rest_[0] == '\'')) return quoted(rest_[0]);
        std::size_t end = 0;
        while (end < rest_.size() && std::string_view(",]}[{").find(rest_[end]) == npos) {
            const bool colon =
                rest_[end] == ':' && (end + 1 == rest_.size() || rest_[end + 1] == ' ');
            if (colon) break;
            ++end;
        }
        std::string text(rest_.substr(0, end));
        rest_.remove_prefix(end);
        while (!text.empty() && (text.back() == ' ' || text.back() == '\n')) text.pop_back();
        return text;
    }

    std::string quoted(char quote) {
        const auto end = rest_.find(quote, 1);
        if (end == npos) throw std::runtime_error("quote without end");
        std::string text(rest_.substr(1, end - 1));
        rest_.remove_prefix(end + 1);
        return text;
    }

    void skip() {
        while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\n')) rest_.remove_prefix(1);
    }
    bool eat(char c) {
        if (rest_.empty() || rest_[0] != c) return false;
        rest_.remove_prefix(1);
        return true;
    }
    bool done(char close) { return close == '\0' ? rest_.empty() : eat(close); }
    bool done_next(char close) const {
        return close == '\0' ? rest_.empty() : !rest_.empty() && rest_[0] == close;
    }

    static constexpr auto npos = std::string_view::npos;
    std::string_view rest_;
};

}  // namespace

flow parse_flow(std::string_view text, bool at_top) {
    reader r(text);
    flow f = at_top && r.begins_map() ? r.map('\0') : r.value();
    r.expect_end();
    return f;
}

}  // namespace pk::testing
