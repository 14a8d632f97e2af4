#include <pkernel/testing/exchange.hpp>

#include "fake_stream.hpp"

namespace pk::testing {
namespace {

std::size_t index(way w) {
    return w == way::request ? 0 : 1;
}

}  // namespace

exchange::exchange(std::unique_ptr<fake_stream> stream) : stream_(std::move(stream)) {}
exchange::exchange(exchange&&) noexcept = default;
exchange::~exchange() = default;

outcome exchange::head() {
    stream_->play_head();
    return stream_->state(0);
}

outcome exchange::body(std::string_view bytes, bool flush) {
    stream_->play_body(0, bytes, flush);
    return stream_->state(0);
}

outcome exchange::end(std::string_view trailers) {
    stream_->play_end(0, parse_fields(trailers));
    return stream_->state(0);
}

outcome exchange::informational(std::uint32_t status, std::string_view fields) {
    stream_->play_informational(status, parse_fields(fields));
    return stream_->state(1);
}

outcome exchange::response(std::uint32_t status, std::string_view fields) {
    stream_->play_response(status, parse_fields(fields));
    return stream_->state(1);
}

outcome exchange::response_body(std::string_view bytes, bool flush) {
    stream_->play_body(1, bytes, flush);
    return stream_->state(1);
}

outcome exchange::response_end(std::string_view trailers) {
    stream_->play_end(1, parse_fields(trailers));
    return stream_->state(1);
}

outcome exchange::limit(std::uint32_t which) {
    stream_->play_limit(which);
    return stream_->state(1);
}

outcome exchange::drain_notice(std::uint64_t deadline_ns) {
    stream_->play_drain(deadline_ns);
    return stream_->state(1);
}

bool exchange::tunnelling() const {
    return stream_->tunnelling();
}
bool exchange::looked_at(way w) const {
    return stream_->lanes[index(w)].interest != 0;
}
std::uint64_t exchange::idle_limit_ns() const {
    return stream_->idle_limit;
}
std::uint64_t exchange::life_limit_ns() const {
    return stream_->life_limit;
}

void exchange::finish(std::uint32_t cause) {
    stream_->play_stream_end(cause);
}

outcome exchange::state(way w) const {
    return stream_->state(index(w));
}

std::string exchange::request_field(std::string_view name) const {
    return stream_->fields[PK_FIELDS_REQUEST].joined(name);
}

std::string exchange::response_field(std::string_view name) const {
    return stream_->fields[PK_FIELDS_RESPONSE].joined(name);
}

std::string exchange::trailer(way w, std::string_view name) const {
    return stream_
        ->fields[w == way::request ? PK_FIELDS_REQUEST_TRAILERS : PK_FIELDS_RESPONSE_TRAILERS]
        .joined(name);
}

std::uint32_t exchange::status() const {
    return stream_->status;
}
const pk_request& exchange::request() const {
    return stream_->request;
}

const std::string& exchange::sent(way w) const {
    return stream_->responded && w == way::response ? stream_->reply.body
                                                    : stream_->lanes[index(w)].sent;
}

bool exchange::ended(way w) const {
    return w == way::response && stream_->replied ? stream_->reply.complete
                                                  : stream_->lanes[index(w)].ended;
}

std::int64_t exchange::content_length(way w) const {
    const lane& l = stream_->lanes[index(w)];
    return l.transforming || w == way::response ? l.length : stream_->request.content_length;
}

bool exchange::rerouted() const {
    return stream_->rerouted;
}
const reply_seen& exchange::reply() const {
    return stream_->reply;
}
const field_pairs& exchange::annotations() const {
    return stream_->annotations;
}
void exchange::hold(way w) {
    stream_->lanes[index(w)].held = true;
}
void exchange::drain(way w) {
    stream_->drained(index(w));
}
pk_stream* exchange::raw() {
    return stream_->raw();
}

}  // namespace pk::testing
