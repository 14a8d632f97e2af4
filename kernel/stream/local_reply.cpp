#include "kernel/stream/local_reply.hpp"

#include "kernel/http/error_page.hpp"
#include "kernel/stream/stream.hpp"
#include "pkernel/abi/logger.h"

namespace pkernel::stream::local_reply {

std::string_view fill(stream& s, std::uint32_t status, base::end_reason why,
                      std::string_view proxy_error, std::string_view detail) {
    const pk_field* accept = s.head.headers.find(PK_FIELD_ACCEPT);
    const bool json = accept && http::prefers_json(http::to_view(accept->value));
    http::error_page page;
    page.status = status;
    page.cause = why.word;
    page.detail = detail;
    page.request_id = http::to_view(s.request.id);
    const auto body = s.arena.copy(json ? http::render_json(page) : http::render_html(page));

    s.response.status = static_cast<std::uint16_t>(status);
    s.response.reason = {};
    auto& f = s.response.headers;
    f.clear();
    s.response_trailers.clear();
    f.append("Content-Type", json ? "application/json" : "text/html; charset=utf-8",
             PK_FIELD_CONTENT_TYPE);
    f.append("Cache-Control", "no-store", PK_FIELD_CACHE_CONTROL);
    if (status == 405) f.append("Allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH");
    if (status == 503) f.append("Retry-After", "1", PK_FIELD_RETRY_AFTER);
    if (!proxy_error.empty())
        f.append("Proxy-Status",
                 s.arena.join("pkernel; error=", proxy_error, "; details=\"", why.word, "\""),
                 PK_FIELD_PROXY_STATUS);
    return body;
}

std::string_view body_limit_text(stream& s) {
    const auto& limits = s.route()->conf->limits;
    const auto bytes = std::to_string(limits.request_body);
    std::string where = "the default";
    if (limits.request_body_at.line > 0)
        where = "line " + std::to_string(limits.request_body_at.line) + " of the config";
    return s.arena.join("The body may have at most ", bytes,
                        " bytes: limits.request_body of the route, ", where, ".");
}

void log_plugin_error(const plugin::instance& who, std::string_view what) {
    const pk_host* host = who.host_api();
    const auto* logger =
        static_cast<const pk_logger*>(host->get(host, {PK_LOGGER_ID, sizeof PK_LOGGER_ID - 1}));
    if (logger) logger->write(host, PK_LOG_ERROR, {what.data(), what.size()});
}

}  // namespace pkernel::stream::local_reply
