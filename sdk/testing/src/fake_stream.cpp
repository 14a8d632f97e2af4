// Plays events, and does after each callback what the plugin asked for in it.

#include "fake_stream.hpp"

#include <pkernel/address.hpp>

#include <algorithm>

namespace pk::testing {
namespace {

pk_address read_address(const std::string& text) {
    pk_address out{};
    if (text == "unix") {
        out.family = 1;
        return out;
    }
    const auto colon = text.rfind(':');
    std::string host = text.substr(0, colon);
    if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
    if (!parse_ip(host, out)) throw std::runtime_error("not an address: " + text);
    out.port = static_cast<std::uint32_t>(std::stoul(text.substr(colon + 1)));
    return out;
}

std::uint32_t method_id(std::string_view m) {
    constexpr std::string_view known[] = {"",       "GET",     "HEAD",  "POST",  "PUT",
                                          "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"};
    const auto* at = std::find(std::begin(known) + 1, std::end(known), m);
    return at == std::end(known) ? +PK_METHOD_OTHER
                                 : static_cast<std::uint32_t>(at - std::begin(known));
}

// A name as a spoofer may spell it, in the form that vouching is about.
std::string folded(std::string_view name) {
    std::string out;
    for (char c : name) out += c == '_' ? '-' : lower(c);
    return out;
}

std::uint32_t state_size_of(const tables& of) {
    if (of.filter != nullptr) return of.filter->state_size;
    if (of.handler != nullptr) return of.handler->state_size;
    return of.tunnel != nullptr ? of.tunnel->state_size : 0;
}

}  // namespace

fake_stream::fake_stream(fake_host& host, const tables& of, void* instance,
                         const request_spec& spec)
    : host_(host),
      filter_(of.filter),
      handler_(of.handler),
      tunnel_(of.tunnel),
      handle_(new handle) {
    const std::uint32_t size = state_size_of(of);
    handle_->api = &api();
    handle_->instance = instance;
    handle_->owner = this;
    handle_->host = &host;
    handle_->state_memory.resize(size / sizeof(chunk) + 1);
    handle_->state = size == 0 ? nullptr : handle_->state_memory.data();
    host.graves.emplace_back(handle_);
    const auto keep = [this](const std::string& s) { return str(texts.emplace_back(s)); };

    const auto question = spec.target.find('?');
    request.size = sizeof request;
    request.method = keep(spec.method);
    request.method_id = method_id(spec.method);
    request.scheme = keep(spec.secure ? "https" : "http");
    request.authority = keep(spec.authority);
    const auto port = spec.authority.rfind(':');
    const bool has_port = port != std::string::npos && !spec.authority.ends_with(']');
    std::string name = has_port ? spec.authority.substr(0, port) : spec.authority;
    if (has_port) {
        request.authority_port =
            static_cast<std::uint32_t>(std::stoul(spec.authority.substr(port + 1)));
    }
    for (char& c : name) c = lower(c);
    if (name.starts_with('[')) name = name.substr(1, name.find(']') - 1);
    request.host = keep(name);
    request.path = request.path_normal = keep(spec.target.substr(0, question));
    request.has_query = question == std::string::npos ? 0 : 1;
    request.query = keep(request.has_query != 0 ? spec.target.substr(question + 1) : "");
    request.content_length = -1;
    request.peer = request.client = read_address(spec.peer);
    request.local = read_address(spec.local);
    request.id = keep("0123456789abcdef");
    request.route = keep(spec.route);
    request.listener = keep(spec.listener);
    const bool safe = request.method_id == PK_METHOD_GET || request.method_id == PK_METHOD_HEAD;
    request.flags = (safe ? PK_REQUEST_SAFE | PK_REQUEST_IDEMPOTENT : 0u) |
                    (spec.secure ? +PK_REQUEST_SECURE : 0u) |
                    (spec.http10 ? +PK_REQUEST_HTTP10 : 0u) |
                    (spec.upgrade.empty() ? 0u : +PK_REQUEST_UPGRADE) |
                    (spec.extended_connect ? +PK_REQUEST_EXTENDED_CONNECT : 0u);
    request.upgrade = keep(spec.upgrade);

    if (filter_ != nullptr) mask_ = filter_->interest(instance);
    std::uint32_t count = 0;
    const pk_str* vouched = filter_ != nullptr && filter_->vouches != nullptr
                                ? filter_->vouches(instance, &count)
                                : nullptr;
    field_pairs sent, claimed;
    for (auto& [field_name, value] : parse_fields(spec.fields)) {
        if (same_token(field_name, "content-length")) request.content_length = std::stoll(value);
        const auto plain_name = folded(field_name);
        const auto is = [&](const pk_str& v) { return view(v) == plain_name; };
        (std::any_of(vouched, vouched + count, is) ? claimed : sent)
            .emplace_back(field_name, value);
        if (same_token(field_name, "content-length") ||
            same_token(field_name, "transfer-encoding")) {
            request.flags |= PK_REQUEST_HAS_BODY;
        }
    }
    fields[PK_FIELDS_REQUEST].assign(std::move(sent));
    fields[PK_FIELDS_CLAIMED].assign(std::move(claimed));
}

fake_stream::~fake_stream() {
    if (!ended_) play_stream_end(PK_END_COMPLETE);
}

fake_stream* fake_stream::enter(pk_stream* s, const char* what) noexcept {
    const inside outside(false);
    auto* h = static_cast<handle*>(s);
    if (std::this_thread::get_id() != h->host->worker_thread) {
        h->host->complain("plugin", std::string(what) + " called off the worker's thread");
        return nullptr;
    }
    if (h->owner == nullptr) {
        h->host->complain("plugin", std::string(what) + " called after stream_end");
    }
    return h->owner;
}

void fake_stream::breach(const std::string& what) {
    host_.complain("plugin", what);
}

// What the kernel does where a plugin broke the contract: 500, or a reset once that is too late.
void fake_stream::give_up() {
    if (!replied && !lanes[1].head_gone) {
        replied = true;
        reply = {};
        reply.status = 500;
        reply.complete = true;
        lanes[1].finished = true;
    } else {
        want_reset(PK_END_PLUGIN_ERROR);
    }
}

bool fake_stream::held_here(std::uint32_t which) const {
    if (out() || replied || (filter_ == nullptr && tunnel_ == nullptr)) return false;
    switch (which) {
        case PK_FIELDS_REQUEST:
            return lanes[0].began && !lanes[0].head_gone;
        case PK_FIELDS_REQUEST_TRAILERS:
            return lanes[0].input_end && !lanes[0].ended;
        case PK_FIELDS_RESPONSE:
            return lanes[1].began && !lanes[1].head_gone;
        case PK_FIELDS_RESPONSE_TRAILERS:
            return lanes[1].input_end && !lanes[1].ended;
        case PK_FIELDS_INFORMATIONAL:
            return in_informational;
        default:
            return false;
    }
}

std::uint32_t fake_stream::interest(std::uint32_t bit) const {
    return mask_ & bit;
}

void fake_stream::play_head() {
    if (std::exchange(head_played_, true)) return host_.complain("test", "head() twice");
    lanes[0].began = true;
    pk_verdict v = PK_NEXT;
    if (handler_ != nullptr) {
        callback([&](pk_stream* s) { v = handler_->request(s); });
        if (v > PK_DONE) breach("unknown verdict"), give_up();
        const bool nothing = !replied && !reset_;
        if (v == PK_DONE && nothing) breach("done without reply, respond or reset"), give_up();
        if (v == PK_COLLECT && !lanes[0].collect_asked) breach("collect without collect()");
        lanes[0].collecting = v == PK_COLLECT;
        return after_callback();
    }
    if (tunnel_ != nullptr || interest(PK_ON_REQUEST_HEADERS) != 0) {
        settling_ = true;  // The verdict comes first.
        v = call_head(0);
        settling_ = false;
    }
    decide(0, lane::point::head, v);
    after_callback();
}

void fake_stream::play_informational(std::uint32_t code, field_pairs pairs) {
    if (filter_ == nullptr || interest(PK_ON_INFORMATIONAL) == 0) return;
    fields[PK_FIELDS_INFORMATIONAL].assign(std::move(pairs));
    const std::uint32_t before = std::exchange(status, code);
    in_informational = true;
    callback([&](pk_stream* s) { filter_->informational(s); });
    in_informational = false;
    status = before;
}

void fake_stream::play_response(std::uint32_t code, field_pairs pairs) {
    if (handler_ != nullptr) return host_.complain("test", "response() to a handler");
    if (out() || replied) return;
    lane& l = lanes[1];
    if (std::exchange(l.began, true)) return host_.complain("test", "response() twice");
    status = code;
    fields[PK_FIELDS_RESPONSE].assign(std::move(pairs));
    pk_verdict v = PK_NEXT;
    if (tunnel_ != nullptr ? code == 101 : interest(PK_ON_RESPONSE_HEADERS) != 0) {
        settling_ = true;
        v = call_head(1);
        settling_ = false;
    }
    decide(1, lane::point::head, v);
    after_callback();
}

void fake_stream::play_body(std::size_t d, std::string_view bytes, bool flush) {
    lane& l = lanes[d];
    if (!l.began) return host_.complain("test", std::string(name_of(d)) + " body before its head");
    if (l.input_end) return host_.complain("test", std::string(name_of(d)) + " body after its end");
    if (deaf()) return;  // Drained unseen.
    if (!bytes.empty()) {
        block& b = blocks.emplace_back();
        b.bytes = bytes;
        wide_slice s;
        s.data = b.bytes.data();
        s.size = b.bytes.size();
        s.block = &b;
        l.input.push_back(s);
    }
    l.flush = flush ? +PK_DATA_FLUSH : 0u;
    if (flush && bytes.empty() && l.input.empty()) l.input.emplace_back();
    after_callback();
}

void fake_stream::play_end(std::size_t d, field_pairs trailers) {
    lane& l = lanes[d];
    if (!l.began) return host_.complain("test", std::string(name_of(d)) + " end before its head");
    if (std::exchange(l.input_end, true)) return host_.complain("test", "end twice");
    if (deaf()) return;
    fields[d == 0 ? PK_FIELDS_REQUEST_TRAILERS : PK_FIELDS_RESPONSE_TRAILERS].assign(
        std::move(trailers));
    after_callback();
}

void fake_stream::play_stream_end(std::uint32_t cause) {
    if (ended_) return;
    const bool wanted = filter_ != nullptr ? interest(PK_ON_STREAM_END) != 0 : true;
    const auto hook = filter_ != nullptr    ? filter_->stream_end
                      : handler_ != nullptr ? handler_->stream_end
                      : tunnel_ != nullptr  ? tunnel_->stream_end
                                            : nullptr;
    reset_ = true;  // From here on the handle only reads.
    if (head_played_ && wanted && hook != nullptr) {
        const inside plugin(true);
        hook(raw(), cause);
    }
    ended_ = true;
    host_.forget(this);
    handle_->owner = nullptr;
    for (const block& b : blocks) {
        if (b.kept > 0) breach("a retained slice was not released by stream_end");
    }
}

void fake_stream::drained(std::size_t d) {
    lanes[d].held = false;
    after_callback();
}

void fake_stream::woken() {
    if (out()) return;
    if (handler_ != nullptr) {
        if (handler_->resumed != nullptr) {
            callback([&](pk_stream* s) { handler_->resumed(s); });
        }
        lanes[0].resume = true;
        return after_callback();
    }
    for (std::size_t d = 0; d < 2; ++d) {
        if (has_resumed() && lanes[d].waits == lane::point::none) call_resumed(d);
        lanes[d].resume = lanes[d].waits != lane::point::none;
        after_callback();
    }
}

outcome fake_stream::state(std::size_t d) const {
    using kind = outcome::kind;
    if (reset_ && !ended_) return {kind::reset, reset_cause_};
    if (replied) return {kind::replied, reply.status};
    if (lanes[d].collecting) return {kind::collects, 0};
    const bool waits = lanes[d].waits != lane::point::none;
    return {waits ? kind::waits : kind::passes, 0};
}

}  // namespace pk::testing
