// What the backend needs to know of a request: how much to read, how much to answer, and the id.
//
// The size wanted and the id travel in the query (`?s=00001024&id=89abcdef`), because a proxy may
// rewrite the path, but never the query.

#pragma once

#include <cstddef>
#include <string_view>

namespace bench {

struct request_head {
    bool valid = false;            // A head of this bench, whole and well formed.
    bool websocket = false;        // It asks for a WebSocket, with the key of this bench.
    bool close = false;            // `Connection: close`, or HTTP/1.0 without keep-alive.
    bool forwarded_asked = false;  // `&f=1`: the X-Forwarded family has to be there...
    bool forwarded_seen = false;   // ...and it is.
    std::size_t response_size = 0;
    std::size_t body_size = 0;
    std::string_view id;
};

// `head` ends with its empty line; the result points into it.
request_head parse_request_head(std::string_view head);

}  // namespace bench
