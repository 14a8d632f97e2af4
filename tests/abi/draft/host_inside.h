/* What the three files of the scripted host share. */
#ifndef PKERNEL_TESTS_ABI_HOST_INSIDE_H
#define PKERNEL_TESTS_ABI_HOST_INSIDE_H

#include "host.h"

extern const pk_stream_api stream_api;

place* place_of(pk_stream* s);
lane* after(place* p, int direction);            /* null: the client or the origin */
uint64_t waiting_after(place* p, int direction); /* bytes */
void pass_bytes(place* p, int direction, const char* at, size_t size, uint32_t flags);
int held(const place* p, int direction);

void* keep(exchange* x, size_t size);
pk_str keep_text(exchange* x, pk_str text);
void copy_fields(exchange* x, fake_field_list* to, pk_field_view from);

/* Around every call of a hook or callback of a place; leave acts on what was recorded and answers 1
 * when the stream went another way (reply, reset, end), so that the verdict is not to be read. */
void enter(place* p, const char* hook, int direction);
int leave(place* p);
void end_stream(exchange* x, uint32_t cause);
void breach(place* p);
void reply_at(exchange* x, int place_index, uint32_t status, pk_str body, int streams);

#endif
