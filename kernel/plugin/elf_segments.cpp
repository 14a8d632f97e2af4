#include "kernel/plugin/elf_segments.hpp"

#include <elf.h>

#include <bit>
#include <cstring>
#include <vector>

namespace pkernel::plugin {
namespace {

constexpr std::uint64_t page = 4096;
constexpr std::uint64_t image_max = std::uint64_t{1} << 30;
constexpr std::uint32_t rights = PF_R | PF_W | PF_X;

template <class T>
T load(std::string_view file, std::uint64_t offset) noexcept {
    T value;
    std::memcpy(&value, file.data() + offset, sizeof value);
    return value;
}

using segments = std::vector<Elf64_Phdr>;

// One that the linker maps: readable, whole, where its offset and alignment allow.
bool is_mappable(const Elf64_Phdr& p) noexcept {
    return (p.p_flags & ~rights) == 0 && (p.p_flags & PF_R) && p.p_filesz <= p.p_memsz &&
           p.p_memsz > 0 && p.p_memsz <= image_max && p.p_vaddr <= image_max &&
           std::has_single_bit(p.p_align) && p.p_align >= page && p.p_align <= image_max &&
           p.p_vaddr % p.p_align == p.p_offset % p.p_align;
}

bool are_in_order(const segments& all) noexcept {
    for (std::size_t i = 1; i < all.size(); ++i)
        if (all[i].p_vaddr < all[i - 1].p_vaddr + all[i - 1].p_memsz) return false;
    return true;
}

// Where a run of memory is mapped from: the one segment that holds all of it, or null.
const Elf64_Phdr* holder(const segments& all, std::uint64_t address, std::uint64_t size) noexcept {
    for (const Elf64_Phdr& p : all)
        if (address >= p.p_vaddr && size <= p.p_memsz && address - p.p_vaddr <= p.p_memsz - size)
            return &p;
    return nullptr;
}

bool section_is_mapped(const segments& all, const Elf64_Shdr& s) noexcept {
    if (!(s.sh_flags & SHF_ALLOC) || (s.sh_flags & SHF_TLS) || s.sh_size == 0) return true;
    const Elf64_Phdr* p = holder(all, s.sh_addr, s.sh_size);
    if (!p) return false;
    const auto needs = [&](std::uint64_t flag, std::uint32_t right) {
        return !(s.sh_flags & flag) || (p->p_flags & right);
    };
    if (!needs(SHF_WRITE, PF_W) || !needs(SHF_EXECINSTR, PF_X)) return false;
    if (s.sh_type == SHT_NOBITS) return true;
    const std::uint64_t at = s.sh_addr - p->p_vaddr;
    return at + s.sh_size <= p->p_filesz && s.sh_offset == p->p_offset + at;
}

}  // namespace

std::optional<std::string> check_segments(std::string_view file) {
    const std::string damaged = "is damaged: ";
    const auto header = load<Elf64_Ehdr>(file, 0);
    segments mapped, dynamic;
    for (std::size_t i = 0; i < header.e_phnum; ++i) {
        const auto p = load<Elf64_Phdr>(file, header.e_phoff + i * sizeof(Elf64_Phdr));
        if (p.p_type == PT_LOAD) mapped.push_back(p);
        if (p.p_type == PT_DYNAMIC) dynamic.push_back(p);
    }
    for (const Elf64_Phdr& p : mapped)
        if (!is_mappable(p)) return damaged + "a segment cannot be mapped as its header says";
    const std::uint64_t heads = header.e_phoff + header.e_phnum * sizeof(Elf64_Phdr);
    if (mapped.empty() || mapped[0].p_offset != 0 || mapped[0].p_filesz < heads ||
        !are_in_order(mapped))
        return damaged + "its segments make no whole";

    const Elf64_Phdr* home =
        dynamic.size() == 1 ? holder(mapped, dynamic[0].p_vaddr, sizeof(Elf64_Dyn)) : nullptr;
    if (!home || !(home->p_flags & PF_W))
        return damaged + "its dynamic section is not where its header says";

    if (header.e_shentsize != sizeof(Elf64_Shdr)) return {};  // Stripped of its sections.
    bool found = header.e_shnum == 0;
    for (std::size_t i = 0; i < header.e_shnum; ++i) {
        const auto s = load<Elf64_Shdr>(file, header.e_shoff + i * sizeof(Elf64_Shdr));
        if (!section_is_mapped(mapped, s)) return damaged + "a section lies outside its segments";
        found = found || (s.sh_type == SHT_DYNAMIC && s.sh_addr == dynamic[0].p_vaddr);
    }
    if (!found) return damaged + "its dynamic section is not where its header says";
    return {};
}

}  // namespace pkernel::plugin
