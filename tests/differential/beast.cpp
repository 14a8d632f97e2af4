#include <boost/beast/http.hpp>
#include <limits>

#include "reading.hpp"

namespace http = boost::beast::http;

namespace pkernel::differential {

namespace {

std::string start_of(const http::request<http::string_body>& m) {
    return std::string(m.method_string()) + " " + std::string(m.target()) + " " +
           std::to_string(m.version() % 10);
}

std::string start_of(const http::response<http::string_body>& m) {
    return std::to_string(m.version() % 10) + " " + std::to_string(m.result_int());
}

template <bool IsRequest>
reading read(std::string_view text) {
    http::parser<IsRequest, http::string_body> parser;
    parser.eager(true);
    parser.body_limit(boost::none);
    parser.header_limit(std::numeric_limits<std::uint32_t>::max());
    reading out;
    boost::system::error_code error;
    while (!parser.is_done() && !error) {
        const auto rest = text.substr(out.used);
        const auto used = parser.put(boost::asio::buffer(rest.data(), rest.size()), error);
        out.used += used;
        if (used == 0 && !error) break;
    }
    if (error == http::error::need_more) error = {};
    if (!error && !parser.is_done() && parser.is_header_done() && parser.need_eof()) {
        out.until_close = true;
        parser.put_eof(error);
    }
    if (error) {
        out.what = verdict::refused;
        out.error = error.message();
        return out;
    }
    out.what = parser.is_done() ? verdict::accepted : verdict::needs_more;
    if (out.what != verdict::accepted) return out;
    out.start = start_of(parser.get());
    for (const auto& f : parser.get())
        out.fields.emplace_back(std::string(f.name_string()), std::string(f.value()));
    out.body = parser.get().body();
    return out;
}

}  // namespace

reading read_beast(std::string_view text, bool request) {
    return request ? read<true>(text) : read<false>(text);
}

}  // namespace pkernel::differential
