#include "kernel/plugin/elf_note.hpp"

#include <elf.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "kernel/plugin/elf_segments.hpp"

namespace pkernel::plugin {
namespace {

using reason = std::string;

#if defined(__x86_64__)
constexpr std::uint16_t own_machine = EM_X86_64;
#elif defined(__aarch64__)
constexpr std::uint16_t own_machine = EM_AARCH64;
#elif defined(__riscv)
constexpr std::uint16_t own_machine = EM_RISCV;
#else
#error "say which ELF machine this is"
#endif

static_assert(sizeof(pk_note) == 392);  // A note that grows later must still be taken at this size.
constexpr std::size_t program_headers_max = 128;  // Linkers write about ten.

std::string machine_name(std::uint16_t machine) {
    switch (machine) {
        case EM_386:
            return "i386";
        case EM_ARM:
            return "arm";
        case EM_X86_64:
            return "x86-64";
        case EM_AARCH64:
            return "aarch64";
        case EM_PPC64:
            return "ppc64";
        case EM_S390:
            return "s390x";
        case EM_RISCV:
            return "riscv";
        default:
            return "machine " + std::to_string(machine);
    }
}

bool within(std::string_view file, std::uint64_t offset, std::uint64_t size) noexcept {
    return offset <= file.size() && size <= file.size() - offset;
}

// Requires within(file, offset, sizeof(T)).
template <class T>
T load(std::string_view file, std::uint64_t offset) noexcept {
    T value;
    std::memcpy(&value, file.data() + offset, sizeof value);
    return value;
}

reason truncated(std::string_view file, const char* what) {
    return std::string("is truncated: ") + what + " lie beyond its " + std::to_string(file.size()) +
           " bytes";
}

bool looks_like_text(std::string_view file) noexcept {
    return std::all_of(file.begin(), file.begin() + std::min<std::size_t>(file.size(), 256),
                       [](unsigned char c) { return c >= ' ' || (c >= '\t' && c <= '\r'); });
}

std::optional<reason> check_ident(std::string_view file) {
    if (file.empty()) return "is empty";
    if (file.substr(0, SELFMAG) != std::string_view(ELFMAG, SELFMAG).substr(0, file.size())) {
        return looks_like_text(file) ? "is a text file, not a shared library"
                                     : "is not an ELF file, so not a shared library";
    }
    if (file.size() < EI_NIDENT) return truncated(file, "its first headers");
    if (file[EI_CLASS] != ELFCLASS64) return "is not a 64-bit library, which this kernel needs";
    constexpr bool little = std::endian::native == std::endian::little;
    if (file[EI_DATA] != (little ? ELFDATA2LSB : ELFDATA2MSB)) {
        return little ? "is a big-endian library; this kernel is little-endian"
                      : "is a little-endian library; this kernel is big-endian";
    }
    return {};
}

std::optional<reason> check_header(std::string_view file, const Elf64_Ehdr& header) {
    if (header.e_machine != own_machine) {
        return "is built for " + machine_name(header.e_machine) + "; this kernel runs on " +
               machine_name(own_machine);
    }
    if (header.e_type != ET_DYN) {
        return "is not a shared library (its ELF type is " + std::to_string(header.e_type) + ")";
    }
    if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum > program_headers_max) {
        return "is damaged: its program headers make no sense";
    }
    if (!within(file, header.e_phoff, header.e_phnum * sizeof(Elf64_Phdr))) {
        return truncated(file, "its program headers");
    }
    if (header.e_shoff != 0 &&
        !within(file, header.e_shoff, std::uint64_t{header.e_shnum} * header.e_shentsize)) {
        return truncated(file, "its section headers");
    }
    return {};
}

// The descriptor of our note in one PT_NOTE segment, which lies within the file.
std::optional<std::string_view> find_note(std::string_view segment, std::uint64_t align) {
    const auto padded = [align](std::uint64_t n) { return (n + align - 1) & ~(align - 1); };
    constexpr std::string_view owner(PKERNEL_NOTE_OWNER, sizeof PKERNEL_NOTE_OWNER);
    while (segment.size() >= sizeof(Elf64_Nhdr)) {
        const auto header = load<Elf64_Nhdr>(segment, 0);
        const std::uint64_t descriptor = padded(sizeof header + header.n_namesz);
        if (!within(segment, descriptor, header.n_descsz)) return {};
        if (header.n_type == PKERNEL_NOTE_TYPE &&
            segment.substr(sizeof header, header.n_namesz) == owner) {
            return segment.substr(descriptor, header.n_descsz);
        }
        const std::uint64_t next = padded(descriptor + header.n_descsz);
        segment.remove_prefix(std::min<std::uint64_t>(next, segment.size()));
    }
    return {};
}

bool ends(const char* text, std::size_t size) noexcept {
    return std::memchr(text, 0, size);
}

// `needs` is a run of NUL-terminated ids that an empty one ends.
bool needs_end(const pk_note& note) noexcept {
    const std::string_view all(note.needs, sizeof note.needs);
    return all.front() == 0 || all.find(std::string_view("\0\0", 2)) != all.npos;
}

boost::system::result<pk_note, reason> parse(std::string_view descriptor) {
    const reason damaged = "is damaged: its plugin note ";
    if (descriptor.size() < 8) return damaged + "is cut short";
    if (load<std::uint32_t>(descriptor, 0) != PKERNEL_NOTE_MAGIC) {
        return damaged + "does not begin with the magic number";
    }
    const auto size = load<std::uint32_t>(descriptor, 4);
    if (size < sizeof(pk_note) || size > descriptor.size()) {
        return damaged + "has size " + std::to_string(size) + " where at least " +
               std::to_string(sizeof(pk_note)) + " and at most " +
               std::to_string(descriptor.size()) + " was expected";
    }
    const auto note = load<pk_note>(descriptor, 0);
    if (!ends(note.name, sizeof note.name) || !ends(note.version, sizeof note.version) ||
        !ends(note.build_id, sizeof note.build_id) || !needs_end(note)) {
        return damaged + "holds a string that does not end";
    }
    if (!is_plugin_name(note.name)) return damaged + "holds no valid name";
    return note;
}

bool has(const std::vector<std::string>& ids, std::string_view id) {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
}

std::string version(std::uint32_t major, std::uint32_t minor) {
    return std::to_string(major) + "." + std::to_string(minor);
}

}  // namespace

bool is_plugin_name(std::string_view name) noexcept {
    const auto lower = [](char c) { return c >= 'a' && c <= 'z'; };
    if (name.empty() || name.size() >= sizeof(pk_note::name) || !lower(name[0])) return false;
    return std::all_of(name.begin(), name.end(),
                       [&](char c) { return lower(c) || (c >= '0' && c <= '9') || c == '_'; });
}

boost::system::result<pk_note, reason> read_note(std::string_view file) {
    if (auto why = check_ident(file)) return *why;
    if (file.size() < sizeof(Elf64_Ehdr)) return truncated(file, "its first headers");
    const auto header = load<Elf64_Ehdr>(file, 0);
    if (auto why = check_header(file, header)) return *why;

    std::optional<std::string_view> descriptor;
    for (std::size_t i = 0; i < header.e_phnum; ++i) {
        const auto part = load<Elf64_Phdr>(file, header.e_phoff + i * sizeof(Elf64_Phdr));
        if (part.p_type == PT_NULL) continue;
        if (!within(file, part.p_offset, part.p_filesz)) return truncated(file, "its segments");
        if (part.p_type != PT_NOTE || descriptor) continue;
        descriptor =
            find_note(file.substr(part.p_offset, part.p_filesz), part.p_align == 8 ? 8 : 4);
    }
    if (!descriptor) {
        return "carries no plugin note: it is a library, but not a plugin built with the SDK";
    }
    if (auto why = check_segments(file)) return *why;
    return parse(*descriptor);
}

std::optional<reason> check_note(const pk_note& note, std::string_view name, const host_abi& host) {
    if (note.abi_major != host.major) {
        return "is built for plugin ABI " + version(note.abi_major, note.abi_minor) +
               "; this kernel speaks " + version(host.major, host.minor);
    }
    if (note.abi_minor > host.minor) {
        return "needs plugin ABI " + version(note.abi_major, note.abi_minor) +
               " or later; this kernel speaks " + version(host.major, host.minor);
    }
    if (note.name != name) {
        return "holds the plugin '" + std::string(note.name) + "'; the file must be named after it";
    }
    for (const char* at = note.needs; *at; at += std::strlen(at) + 1) {
        if (!has(host.offers, at)) {
            return "needs '" + std::string(at) + "', which this kernel does not offer";
        }
        if (std::string_view(at).ends_with("-draft") && note.build_id != host.build_id) {
            return "needs '" + std::string(at) + "', a draft that only plugins of the same build " +
                   "may use: it is of build '" + note.build_id + "', this kernel of '" +
                   host.build_id + "'";
        }
    }
    return {};
}

}  // namespace pkernel::plugin
