// One message as a parser read it, in a form that parsers can be compared by.

#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pkernel::differential {

enum class verdict { accepted, refused, needs_more };

struct reading {
    verdict what = verdict::needs_more;
    std::string error;                                        // When refused.
    std::string start;                                        // "GET /x 1" or "1 200".
    std::vector<std::pair<std::string, std::string>> fields;  // With the trailers.
    std::string body;
    std::size_t used = 0;  // Bytes of the message: what follows is the next one.
    bool until_close = false;
};

// `request`: or a response, to a GET.
reading read_ours(std::string_view text, bool request);
reading read_beast(std::string_view text, bool request);

// What differs, or nothing. Beast keeps equal names together, so only their own order counts.
std::string difference(const reading& a, const reading& b);

}  // namespace pkernel::differential
