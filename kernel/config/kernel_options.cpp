#include "kernel/config/kernel_options.hpp"

#include "kernel/config/option_builder.hpp"

namespace pkernel::config {

namespace {

constexpr std::int64_t ms = 1'000'000;
constexpr std::int64_t kib = 1024;
constexpr std::int64_t most_u32 = 0xffff'ffff;

constexpr pk_option a_text = option("", PK_OPT_TEXT, "");

constexpr option duration(std::string_view name, std::string_view doc) {
    return option(name, PK_OPT_DURATION, doc).at_least(ms);
}

constexpr option count(std::string_view name, std::string_view doc) {
    return option(name, PK_OPT_INTEGER, doc).at_least(0).at_most(most_u32);
}

constexpr option size(std::string_view name, std::string_view doc) {
    return option(name, PK_OPT_SIZE, doc);
}

// One element a point; lists of plugins share them.
constexpr pk_option a_plugin(std::string_view point) {
    return option("", PK_OPT_PLUGIN, "").at_point(point);
}
constexpr pk_option a_connection_filter = a_plugin("pk.connection_filter/1");
constexpr pk_option a_codec = a_plugin("pk.codec/1");
constexpr pk_option a_log = a_plugin("pk.log/1");
constexpr pk_option a_health = a_plugin("pk.health/1");
constexpr pk_option an_attempt = a_plugin("pk.attempt/1");
constexpr pk_option a_filter = a_plugin("pk.http_filter/1");
constexpr pk_option a_tunnel = a_plugin("pk.tunnel/1");

constexpr pk_option listener_timeouts[] = {
    duration("head", "For the whole head of a request.").by_default("10s"),
    duration("handshake", "For the handshake of the transport.").by_default("10s"),
    duration("body_stall", "Without a byte of a request's body.").by_default("30s"),
    duration("client_idle", "Between two requests of a connection.").by_default("75s"),
    duration("write_stall", "Without the client taking a byte.").by_default("30s"),
    duration("linger", "For reading on after a response that ended early.").by_default("2s"),
    duration("tunnel_idle", "Without a byte in either direction of a tunnel.").by_default("1h"),
};
constexpr pk_option_table listener_timeouts_table = table_of(listener_timeouts);

constexpr pk_option listener_limits[] = {
    size("request_line", "The first line of a request.").by_default("8KiB").at_least(64),
    size("field", "One field line.").by_default("16KiB").at_least(64),
    size("head", "All of a request before its body.").by_default("32KiB").at_least(kib),
    count("fields", "Number of field lines.").by_default("100").at_least(1),
    size("memory", "What a connection may hold in buffers, with decoded heads.")
        .by_default("256KiB")
        .at_least(64 * kib),
    count("connections", "Open connections; 0: as many as the file descriptors allow.")
        .by_default("0"),
    count("keepalive_requests", "Requests on one connection; 0: no limit.").by_default("0"),
    count("streams", "Requests at once on one connection, where the codec allows several.")
        .by_default("100")
        .at_least(1),
    count("streams_total", "Requests ever on such a connection, which then ends.")
        .by_default("10000")
        .at_least(1),
    size("stream_window", "What may come of one request's body before some of it was taken.")
        .by_default("64KiB")
        .at_least(64 * kib)  // A client may send so much before it has heard of a limit.
        .at_most(64 * 1024 * kib),
    size("connection_window", "The same, for all requests of such a connection.")
        .by_default("1MiB")
        .at_least(64 * kib)
        .at_most(256 * 1024 * kib),
};
constexpr pk_option_table listener_limits_table = table_of(listener_limits);

constexpr pk_option listener_options[] = {
    option("name", PK_OPT_TEXT, "What routes and logs call it; its address when not given.")
        .not_empty(),
    option("address", PK_OPT_TEXT,
           "Where it accepts: \":80\" (IPv4 and IPv6), \"127.0.0.1:8080\", \"[::]:80\", "
           "\"unix:/path\".")
        .required()
        .main(),
    option("freebind", PK_OPT_BOOL, "Listens on an address that this machine does not have yet.")
        .by_default("false"),
    option("filters", PK_OPT_LIST, "What looks at a connection before anything is read.")
        .of(a_connection_filter),
    option("transport", PK_OPT_PLUGIN, "What turns its bytes into plaintext, such as TLS.")
        .at_point("pk.transport/1"),
    option("codecs", PK_OPT_LIST, "Protocols, the preferred first; http1 is built in.")
        .of(a_codec)
        .not_empty()
        .by_default("[http1]"),
    option("logs", PK_OPT_LIST, "Logs of its streams, beside the top level's.").of(a_log),
    option("timeouts", PK_OPT_TABLE, "How long the client may take.").of(listener_timeouts_table),
    option("limits", PK_OPT_TABLE, "How much the client may send.").of(listener_limits_table),
};
constexpr pk_option_table listener_table = table_of(listener_options);

constexpr pk_str endpoint_states[] = {literal("up"), literal("drain"), literal("down")};
constexpr pk_str when_all_down[] = {literal("fail"), literal("try_all")};
constexpr pk_str on_off[] = {literal("on"), literal("off")};

constexpr pk_option endpoint_options[] = {
    option("address", PK_OPT_TEXT, "\"127.0.0.1:3000\", \"app.internal:3000\" or \"unix:/path\".")
        .required()
        .main(),
    count("weight", "Its share, relative to the others'.")
        .by_default("1")
        .at_least(1)
        .at_most(65535),
    option("backup", PK_OPT_BOOL, "Used only when no other one is up.").by_default("false"),
    count("max_connections", "Requests to it at once, from all workers; 0: no limit.")
        .by_default("0"),
    option("state", PK_OPT_ENUM, "drain: for clients that are tied to it alone; down: for none.")
        .one_of(endpoint_states)
        .by_default("up"),
};
constexpr pk_option_table endpoint_table = table_of(endpoint_options);
constexpr pk_option an_endpoint = option("", PK_OPT_TABLE, "").of(endpoint_table);

constexpr pk_option upstream_timeouts[] = {
    duration("connect", "For a connection to be made.").by_default("3s"),
    duration("send", "Without the origin taking a byte of the request.").by_default("60s"),
    duration("response", "For the head of the response.").by_default("60s"),
    duration("stall", "Without a byte of the response's body.").by_default("60s"),
    duration("idle", "Of a connection that waits for its next request.").by_default("60s"),
};
constexpr pk_option_table upstream_timeouts_table = table_of(upstream_timeouts);

constexpr pk_option upstream_limits[] = {
    size("response_head", "All of a response before its body.").by_default("64KiB").at_least(kib),
    count("response_fields", "Number of field lines.").by_default("200").at_least(1),
    count("informational", "1xx responses before the final one.").by_default("32"),
};
constexpr pk_option_table upstream_limits_table = table_of(upstream_limits);

constexpr pk_option pool_options[] = {
    count("idle_per_endpoint", "Kept open to one endpoint, each worker.").by_default("512"),
    count("idle_total", "Kept open to all of them, each worker.").by_default("4096"),
};
constexpr pk_option_table pool_table = table_of(pool_options);

constexpr pk_option retry_budget_options[] = {
    count("percent", "Of the requests of the last 10 s, each worker.")
        .by_default("20")
        .at_most(1000)
        .main(),
    count("least", "So many a second whatever the share, each worker.").by_default("3"),
};
constexpr pk_option_table retry_budget_table = table_of(retry_budget_options);

constexpr pk_option queue_options[] = {
    count("size", "So many at once, of all workers; 0: none waits, they get 503.")
        .by_default("0")
        .at_most(1'000'000)
        .main(),
    duration("timeout", "How long one waits; then it gets 503.").by_default("5s"),
};
constexpr pk_option_table queue_table = table_of(queue_options);

constexpr pk_option upstream_options[] = {
    option("endpoints", PK_OPT_LIST, "Where the origin listens.")
        .of(an_endpoint)
        .required()
        .not_empty(),
    option("balancer", PK_OPT_PLUGIN, "What picks the endpoint; needed with more than one.")
        .at_point("pk.balancer/1"),
    option("discovery", PK_OPT_PLUGIN, "What finds the endpoints that a host name stands for.")
        .at_point("pk.discovery/1"),
    option("health", PK_OPT_LIST, "What tells which endpoints are up; 8 at most.").of(a_health),
    option("all_down", PK_OPT_ENUM,
           "When health has no endpoint up: 503 for all but some that try, or requests go on.")
        .one_of(when_all_down)
        .by_default("fail"),
    option("attempt", PK_OPT_LIST, "What decides on further attempts.").of(an_attempt),
    option("transport", PK_OPT_PLUGIN, "What wraps connections to the origin, such as TLS.")
        .at_point("pk.transport/1"),
    option("timeouts", PK_OPT_TABLE, "How long the origin may take.").of(upstream_timeouts_table),
    option("limits", PK_OPT_TABLE, "How much the origin may send.").of(upstream_limits_table),
    option("pool", PK_OPT_TABLE, "Connections kept open for the next request.").of(pool_table),
    option("retry_budget", PK_OPT_TABLE, "How many requests may be sent to it once more.")
        .of(retry_budget_table),
    option("queue", PK_OPT_TABLE, "Requests that wait while all endpoints have max_connections.")
        .of(queue_table),
    option("host", PK_OPT_FIELD_VALUE, "Sent as Host instead of the client's.").not_empty(),
    option("via", PK_OPT_ENUM, "Whether requests get a Via field, which also stops loops.")
        .one_of(on_off)
        .by_default("on"),
};
constexpr pk_option_table upstream_table = table_of(upstream_options);
constexpr pk_option an_upstream = option("", PK_OPT_TABLE, "").of(upstream_table);

constexpr pk_option path_options[] = {
    option("prefix", PK_OPT_TEXT, "This path and all below it, on segment boundaries.").main(),
    option("exact", PK_OPT_TEXT, "This path only."),
};
constexpr pk_option_table path_table = table_of(path_options);

constexpr pk_option condition_options[] = {
    option("value", PK_OPT_TEXT, "It must have this value.").main(),
    option("present", PK_OPT_BOOL, "true: it must be there; false: it must not."),
};
constexpr pk_option_table condition_table = table_of(condition_options);
constexpr pk_option a_condition = option("", PK_OPT_TABLE, "").of(condition_table);

constexpr pk_option match_options[] = {
    option("listener", PK_OPT_TEXT, "The name of the listener it came in by.").not_empty(),
    option("host", PK_OPT_LIST, "\"app.example.com\" or \"*.example.com\"; without: every host.")
        .of(a_text)
        .not_empty(),
    option("path", PK_OPT_TABLE, "A prefix such as /api, or { exact: /path }.").of(path_table),
    option("method", PK_OPT_LIST, "Such as GET, or a list of them.").of(a_text).not_empty(),
    option("header", PK_OPT_MAP, "Field name to value, or to { present: true }.").of(a_condition),
    option("query", PK_OPT_MAP, "Parameter to value, or to { present: true }.").of(a_condition),
};
constexpr pk_option_table match_table = table_of(match_options);

constexpr pk_option route_timeouts[] = {
    duration("send", "Instead of the upstream's."),
    duration("response", "Instead of the upstream's."),
    duration("stall", "Instead of the upstream's."),
    duration("body_stall", "Instead of the listener's."),
    duration("write_stall", "Instead of the listener's."),
    duration("tunnel_idle", "Instead of the listener's."),
};
constexpr pk_option_table route_timeouts_table = table_of(route_timeouts);

constexpr pk_option route_limits[] = {
    size("request_body", "The body of a request, streamed.").by_default("100MiB"),
    size("collect", "What a filter may hold of a body at once.").by_default("1MiB"),
    size("spill", "What may lie in a file of a body that is collected or kept for another attempt.")
        .by_default("100MiB"),
};
constexpr pk_option_table route_limits_table = table_of(route_limits);

constexpr option filters("filters", PK_OPT_LIST, "What each request and response passes through.");
constexpr option forward("forward", PK_OPT_TEXT, "The upstream that answers.");
constexpr option handler("handler", PK_OPT_PLUGIN, "The plugin that answers, instead of forward.");
constexpr option upgrade("upgrade", PK_OPT_LIST, "Protocols that a request may switch to.");
constexpr option route_logs("logs", PK_OPT_LIST, "Logs beside the listener's and the top level's.");
constexpr option attempt("attempt", PK_OPT_LIST, "Instead of the upstream's.");
constexpr option timeouts("timeouts", PK_OPT_TABLE, "For this route only.");
constexpr option limits("limits", PK_OPT_TABLE, "For this route only.");

constexpr pk_option route_options[] = {
    option("name", PK_OPT_TEXT, "What logs and messages call it.").not_empty(),
    option("match", PK_OPT_TABLE, "Which requests it is for; all that it names must fit.")
        .of(match_table),
    filters.of(a_filter),
    forward.not_empty(),
    handler.at_point("pk.handler/1"),
    upgrade.of(a_tunnel),
    route_logs.of(a_log),
    attempt.of(an_attempt),
    timeouts.of(route_timeouts_table),
    limits.of(route_limits_table),
};
constexpr pk_option_table route_table = table_of(route_options);

constexpr pk_option defaults_options[] = {
    filters.of(a_filter),
    forward.not_empty(),
    handler.at_point("pk.handler/1"),
    upgrade.of(a_tunnel),
    route_logs.of(a_log),
    attempt.of(an_attempt),
    timeouts.of(route_timeouts_table),
    limits.of(route_limits_table),
};
constexpr pk_option_table defaults_table = table_of(defaults_options);

constexpr pk_option a_listener = option("", PK_OPT_TABLE, "").of(listener_table);
constexpr pk_option a_route = option("", PK_OPT_TABLE, "").of(route_table);

constexpr pk_option root_limits[] = {
    size("memory", "What the engine may hold; at most 70% of the cgroup's limit or the machine's.")
        .at_least(8 * kib * kib),
    option("lag", PK_OPT_DURATION,
           "How long what is ready may wait for its worker, for 200 ms on end, before new requests "
           "get 503; 0s: no limit.")
        .by_default("50ms")
        .at_least(0),
};
constexpr pk_option_table root_limits_table = table_of(root_limits);

constexpr pk_option spill_options[] = {
    option("directory", PK_OPT_PATH, "Where they are, without a name; $TMPDIR, or /var/tmp.")
        .not_empty()
        .main(),
    size("total", "What all of them may hold together.").by_default("1GiB"),
};
constexpr pk_option_table spill_table = table_of(spill_options);

constexpr pk_option root_options[] = {
    option("include", PK_OPT_LIST, "Files whose keys stand here as well.").of(a_text),
    option("listeners", PK_OPT_LIST, "Addresses that accept connections.").of(a_listener),
    option("upstreams", PK_OPT_MAP, "Origins by name.").of(an_upstream),
    option("routes", PK_OPT_LIST, "The first one that fits a request answers it.").of(a_route),
    option(
        "defaults", PK_OPT_TABLE,
        "Keys that every route gets: filters first in its chain, the rest unless it has its own.")
        .of(defaults_table),
    option("logs", PK_OPT_LIST, "Logs of every stream.").of(a_log),
    option("limits", PK_OPT_TABLE, "How much the whole may use.").of(root_limits_table),
    option("spill", PK_OPT_TABLE, "Files for what of bodies does not fit into memory.")
        .of(spill_table),
    option("workers", PK_OPT_INTEGER, "Threads; as many as there are CPUs when not given.")
        .at_least(1)
        .at_most(1024),
    option("user", PK_OPT_TEXT, "Whom to become after binding, when started as root.").not_empty(),
};
constexpr pk_option_table root_table = table_of(root_options);

}  // namespace

const pk_option_table& kernel_options() {
    return root_table;
}

std::string_view built_in_name(std::string_view point) {
    return point == "pk.codec/1" ? "http1" : "";
}

}  // namespace pkernel::config
