// DNS answers: whatever a server says is read within its bounds, and read the same twice.

#include "answer.hpp"

#include <cstring>

#include "fuzz_check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    for (const auto type : {dns::record_type::a, dns::record_type::aaaa}) {
        // Of just its size, so that a sanitizer sees a byte past its end.
        const std::string exact(bytes);
        const auto got = dns::read_answer(exact, type);
        FUZZ_CHECK(got.addresses.size() <= dns::addresses_max);
        FUZZ_CHECK(!got.problem || got.addresses.empty());
        FUZZ_CHECK(got.ttl <= 0x7fffffffu);
        for (const pk_address& a : got.addresses) {
            FUZZ_CHECK(a.family == (type == dns::record_type::a ? 4u : 6u));
            (void)dns::is_nowhere(a);
            (void)dns::is_local(a);
        }
        FUZZ_CHECK(dns::read_answer(exact, type).addresses.size() == got.addresses.size());
    }
    return 0;
}
