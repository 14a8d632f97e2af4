// One request and its response, as a filter or handler acts on them. [worker]
//
// A value that may be copied, valid until the hook returns; what it acts on lives until stream_end.
// Nothing here calls a plugin: replies, resets and resumes are recorded, and done after the hook.

#pragma once

#include <pkernel/abi/stream.h>
#include <pkernel/data.hpp>
#include <pkernel/fields.hpp>
#include <pkernel/request.hpp>

#include <initializer_list>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

namespace pk {

enum class verdict : std::uint32_t {
    next = PK_NEXT,
    wait = PK_WAIT,
    collect = PK_COLLECT,
    done = PK_DONE
};
inline constexpr verdict next = verdict::next;
inline constexpr verdict wait = verdict::wait;
inline constexpr verdict done = verdict::done;

enum class direction : std::uint32_t { request = PK_REQUEST, response = PK_RESPONSE };

enum class overflow : std::uint32_t {
    reject = PK_OVERFLOW_REJECT,
    spill = PK_OVERFLOW_SPILL,
    stream = PK_OVERFLOW_STREAM
};

using new_fields = std::initializer_list<new_field>;

class stream {
public:
    explicit stream(pk_stream* s) noexcept : s_(s) {}

    pk::request request() const noexcept { return pk::request(s_->api->request(s_)); }

    fields request_fields() const noexcept { return {s_, PK_FIELDS_REQUEST}; }
    fields request_trailers() const noexcept { return {s_, PK_FIELDS_REQUEST_TRAILERS}; }
    fields response_fields() const noexcept { return {s_, PK_FIELDS_RESPONSE}; }
    fields response_trailers() const noexcept { return {s_, PK_FIELDS_RESPONSE_TRAILERS}; }
    fields informational_fields() const noexcept { return {s_, PK_FIELDS_INFORMATIONAL}; }
    // What the client sent under names that this route's filters vouch for. Read-only.
    fields claimed() const noexcept { return {s_, PK_FIELDS_CLAIMED}; }

    // Parts of the request line, in on_request only. PK_INVALID: not a legal value.
    [[nodiscard]] pk_status set_method(std::string_view v) { return part(PK_PART_METHOD, v); }
    [[nodiscard]] pk_status set_authority(std::string_view v) { return part(PK_PART_AUTHORITY, v); }
    [[nodiscard]] pk_status set_path(std::string_view v) { return part(PK_PART_PATH, v); }
    [[nodiscard]] pk_status set_query(std::string_view v) { return part(PK_PART_QUERY, v); }
    [[nodiscard]] pk_status set_client(const pk_address& a) { return s_->api->set_client(s_, &a); }
    [[nodiscard]] pk_status reroute() { return s_->api->reroute(s_); }

    std::uint32_t status() const noexcept { return s_->api->status(s_); }
    [[nodiscard]] pk_status set_status(std::uint32_t v) { return s_->api->set_status(s_, v); }

    // Answers the request here and now: return what it gives. Where a response has begun already
    // there is nothing left to answer, and the stream is reset.
    verdict reply(std::uint32_t code, std::string_view body = {}, new_fields extra = {}) {
        return answer(code, body, viewed(extra));
    }
    verdict reply(std::uint32_t code, std::string_view body, std::span<const pk_field> extra) {
        return answer(code, body, viewed(extra));
    }

    // Ends the stream so that both sides see that it is incomplete. `cause` is a PK_END_...
    verdict reset(std::uint32_t cause = PK_END_REFUSED) {
        s_->api->reset(s_, cause);
        return verdict::done;
    }

    // From a timer, job or subrequest of this stream: ends its `wait`.
    void resume(direction d) { s_->api->resume(s_, raw(d)); }

    // From a headers hook: gathers the body, then on_..._collected. Return what it gives.
    verdict collect(direction d, std::uint64_t limit, overflow o = overflow::reject) {
        if (s_->api->collect(s_, raw(d), limit, static_cast<std::uint32_t>(o)) != PK_OK) {
            return reset(PK_END_PLUGIN_ERROR);
        }
        return verdict::collect;
    }
    struct collected_body {
        data bytes;
        std::uint32_t how_much;  // PK_COLLECTED_...
    };
    collected_body collected(direction d) const {
        std::uint32_t how_much = 0;
        const pk_slice_view slices = s_->api->collected(s_, raw(d), &how_much);
        return {data(slices), how_much};
    }

    // From a headers hook: from now on only what emit() gives goes on in that direction.
    [[nodiscard]] pk_status transform(direction d, std::int64_t content_length = -1) {
        return s_->api->transform(s_, raw(d), content_length);
    }
    [[nodiscard]] pk_status emit(direction d, std::string_view bytes, bool flush = false) {
        return s_->api->emit(s_, raw(d), str(bytes), flags(flush));
    }
    // The same without a copy: the slices of a data event, or static bytes with a null block.
    [[nodiscard]] pk_status emit(direction d, const data& slices) {
        return s_->api->emit_slices(s_, raw(d), slices.slices(), flags(slices.flush()));
    }
    // Without a copy, of memory that lives until unused(arg) is called. PK_UNSUPPORTED: use emit().
    [[nodiscard]] pk_status emit_owned(direction d, std::string_view bytes, void (*unused)(void*),
                                       void* arg, bool flush = false) {
        return s_->api->emit_owned(s_, raw(d), str(bytes), flags(flush), unused, arg);
    }
    std::uint64_t queued(direction d) const { return s_->api->queued(s_, raw(d)); }
    pk_status finish(direction d, new_fields trailers = {}) {
        return s_->api->finish(s_, raw(d), viewed(trailers));
    }

    // A handler's response, when it is not one reply(): its head, then emit, then finish.
    [[nodiscard]] pk_status respond(std::uint32_t code, new_fields extra = {},
                                    std::int64_t content_length = -1) {
        return s_->api->respond(s_, code, viewed(extra), content_length);
    }

    [[nodiscard]] pk_status retain(const pk_slice& slice) { return s_->api->retain(s_, &slice); }
    void release(const pk_slice& slice) { s_->api->release(s_, &slice); }

    // Memory until stream_end, or null when the stream has used up its share. The objects made in
    // it are not destroyed.
    template <class T>
    requires std::is_trivially_destructible_v<T> T* allocate(std::size_t count = 1) {
        static_assert(alignof(T) <= 16);
        void* memory = s_->api->allocate(s_, sizeof(T) * count, alignof(T));
        return memory == nullptr ? nullptr : new (memory) T[count]{};
    }

    // Shown by logs, with the instance's name before the key.
    pk_status annotate(std::string_view key, std::string_view value) {
        return s_->api->annotate(s_, str(key), str(value));
    }

    pk_stream* raw() const noexcept { return s_; }

private:
    static constexpr std::uint32_t flags(bool flush) { return flush ? +PK_DATA_FLUSH : 0u; }
    static constexpr std::uint32_t raw(direction d) { return static_cast<std::uint32_t>(d); }

    static pk_field_view viewed(new_fields f) {
        return {f.begin(), static_cast<std::uint32_t>(f.size()), sizeof(new_field)};
    }
    static pk_field_view viewed(std::span<const pk_field> f) {
        return {f.data(), static_cast<std::uint32_t>(f.size()), sizeof(pk_field)};
    }

    pk_status part(std::uint32_t which, std::string_view value) {
        return s_->api->set_part(s_, which, str(value));
    }

    verdict answer(std::uint32_t code, std::string_view body, pk_field_view extra) {
        if (s_->api->reply(s_, code, extra, str(body)) != PK_OK) reset(PK_END_PLUGIN_ERROR);
        return verdict::done;
    }

    pk_stream* s_;
};

}  // namespace pk
