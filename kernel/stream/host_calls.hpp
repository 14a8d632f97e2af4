// The functions behind a pk_stream: what plugins may ask of a stream. Each checks its contract and
// records; none calls a plugin.

#pragma once

#include "kernel/http/fields.hpp"
#include "kernel/stream/slot.hpp"
#include "pkernel/abi/stream.h"

namespace pkernel::stream {

// Whether only the kernel writes the field of that id.
bool is_kernels_field(std::uint32_t id) noexcept;

struct host_calls {
    static const pk_stream_api* table() noexcept;

    // Fields.
    static const pk_request* request(pk_stream* s);
    static pk_field_view fields(pk_stream* s, std::uint32_t which);
    static const pk_field* find(pk_stream* s, std::uint32_t which, std::uint32_t id, pk_str name,
                                std::uint32_t* index);
    static pk_status set_field(pk_stream* s, std::uint32_t which, std::uint32_t id, pk_str name,
                               pk_str value);
    static pk_status add_field(pk_stream* s, std::uint32_t which, std::uint32_t id, pk_str name,
                               pk_str value);
    static pk_status remove_field(pk_stream* s, std::uint32_t which, std::uint32_t id, pk_str name);
    static pk_status set_part(pk_stream* s, std::uint32_t part, pk_str value);
    static pk_status set_client(pk_stream* s, const pk_address* client);
    static std::uint32_t status(pk_stream* s);
    static pk_status set_status(pk_stream* s, std::uint32_t status);

    // Verdicts and bodies.
    static pk_status reply(pk_stream* s, std::uint32_t status, pk_field_view fields, pk_str body);
    static void reset(pk_stream* s, std::uint32_t cause);
    static void resume(pk_stream* s, std::uint32_t direction);
    static pk_status transform(pk_stream* s, std::uint32_t direction, std::int64_t length);
    static pk_status emit(pk_stream* s, std::uint32_t direction, pk_str bytes, std::uint32_t flags);
    static pk_status emit_slices(pk_stream* s, std::uint32_t direction, pk_slice_view slices,
                                 std::uint32_t flags);
    static std::uint64_t queued(pk_stream* s, std::uint32_t direction);
    static pk_status retain(pk_stream* s, const pk_slice* slice);
    static void release(pk_stream* s, const pk_slice* slice);
    static pk_status collect(pk_stream* s, std::uint32_t direction, std::uint64_t limit,
                             std::uint32_t overflow);
    static pk_slice_view collected(pk_stream* s, std::uint32_t direction, std::uint32_t* complete);
    static void* allocate(pk_stream* s, std::uint64_t size, std::uint64_t align);
    static pk_status annotate(pk_stream* s, pk_str key, pk_str value);
    static pk_status respond(pk_stream* s, std::uint32_t status, pk_field_view fields,
                             std::int64_t content_length);
    static pk_status finish(pk_stream* s, std::uint32_t direction, pk_field_view trailers);
    static pk_status reroute(pk_stream* s);
    static pk_status emit_owned(pk_stream* s, std::uint32_t direction, pk_str bytes,
                                std::uint32_t flags, void (*unused)(void*), void* arg);

private:
    static http::fields* list(slot& s, std::uint32_t which);
    static pk_status changeable(slot& s, std::uint32_t which, std::uint32_t id, pk_str name,
                                pk_str value, http::fields** out);
    static pk_status prepare(slot& s, std::uint32_t which, std::uint32_t id, pk_str name,
                             pk_str value, http::fields** all, pk_field* copy);
    static bool held_here(slot& s, int direction);
    static pk_status refuse(slot& s, pk_status answer, const char* why) noexcept;
    static bool has_output(const slot& s, std::uint32_t direction) noexcept;
    static pk_status may_emit(slot& s, std::uint32_t direction, std::uint64_t size);
    static void flush_after(slot& s, std::uint32_t direction);
    static void put(slot& s, std::uint32_t direction, base::slice data);
    static pk_status begin_reply(slot& s, std::uint32_t status, pk_field_view fields,
                                 std::int64_t length);
};

}  // namespace pkernel::stream
