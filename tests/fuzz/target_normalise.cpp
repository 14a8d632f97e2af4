// Paths: read_path agrees with the slow model, is idempotent, and every second reading of the raw
// path is one of the normal form. Authorities: what is read can be read again.

#include "fuzz_check.hpp"
#include "kernel/http/target.hpp"
#include "tests/unit/http/path_model.hpp"

using namespace pkernel;
using namespace pkernel::http;

namespace {

void check_path(base::arena& arena, std::string_view raw) {
    path_reading out;
    const bool readable = read_path(raw, arena, out);
    const auto model = test::model_read(raw);
    FUZZ_CHECK(readable == model.has_value());
    if (!readable) return;
    FUZZ_CHECK(out.normal == model->normal);
    FUZZ_CHECK(out.flags == model->flags);
    FUZZ_CHECK(test::is_sound(raw, model->normal));
    path_reading again;
    const std::string escaped = test::escape_again(out.normal);
    FUZZ_CHECK(read_path(escaped, arena, again));
    FUZZ_CHECK(again.normal == out.normal);
    FUZZ_CHECK(!(again.flags & PK_PATH_DOT_SEGMENTS));
}

void check_authority(base::arena& arena, std::string_view text) {
    std::string_view host;
    std::uint32_t port = 0;
    if (!read_authority(text, arena, host, port)) return;
    FUZZ_CHECK(!host.empty() && port <= 65535);
    FUZZ_CHECK(host.back() != '.' && host.front() != '.');
    const bool v6 = host.find(':') != host.npos;
    std::string again = v6 ? "[" + std::string(host) + "]" : std::string(host);
    if (port) again += ":" + std::to_string(port);
    std::string_view host_again;
    std::uint32_t port_again = 0;
    FUZZ_CHECK(read_authority(again, arena, host_again, port_again));
    FUZZ_CHECK(host == host_again && port == port_again);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > 300) return 0;  // The model is slow.
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    base::block_pool pool;
    base::arena arena(pool);
    check_path(arena, input);
    check_authority(arena, input);
    return 0;
}
