// max_body: answers 413 to a request whose body is larger than `limit`.
//
// A body is judged twice: by its declared length before any of it is read, so that an honest
// client is told early, then by its bytes as they pass, because a chunked body declares nothing.

#include <pkernel/plugin.hpp>

namespace {

// [settings]
struct settings {
    std::uint64_t limit = 1 << 20;
};

constexpr auto schema = pk::schema<settings>(
    pk::byte_size("limit", &settings::limit, "Largest request body let through.")
        .at_least(1)
        .main());
// [settings]

// [class]
class max_body {
public:
    struct state {  // One per stream, made and destroyed by the SDK.
        std::uint64_t seen = 0;
    };

    explicit max_body(const settings& conf) : limit_(conf.limit) {}

    pk::verdict on_request(pk::stream& s) const {
        return s.request().content_length().value_or(0) > limit_ ? s.reply(413) : pk::next;
    }

    pk::verdict on_request_data(pk::stream& s, pk::data chunk, state& st) const {
        if (chunk.size() > limit_ - st.seen) return s.reply(413);  // seen <= limit_: no wrap
        st.seen += chunk.size();
        return pk::next;
    }

private:
    const std::uint64_t limit_;
};
// [class]

}  // namespace

// [plugin]
PKERNEL_PLUGIN("max_body", "1.0.0", "Limits the size of request bodies.",
               pk::http_filter<max_body, schema>);
// [plugin]
