// Bytes of a file that may claim to be a plugin: any answer is right, no read outside them is.

#include "kernel/plugin/elf_note.hpp"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    namespace plugin = pkernel::plugin;
    const auto note = plugin::read_note({reinterpret_cast<const char*>(data), size});
    if (!note.has_value()) return 0;
    plugin::host_abi host;
    host.offers = {"pk.timer/1"};
    plugin::check_note(*note, note->name, host);
    return 0;
}
