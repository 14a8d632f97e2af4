#include "kernel/base/siphash.hpp"

#include <sys/random.h>

#include "kernel/base/check.hpp"

namespace pkernel::base {

const siphash_key& process_siphash_key() {
    static const siphash_key key = [] {
        siphash_key drawn;
        PK_CHECK(getrandom(&drawn, sizeof drawn, 0) == sizeof drawn);
        return drawn;
    }();
    return key;
}

}  // namespace pkernel::base
