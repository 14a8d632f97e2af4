// The ELF note as it lies in the file: header, owner, descriptor, each aligned to four bytes.

#pragma once

#include <pkernel/abi/base.h>
#include <pkernel/abi/note.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

// Set by the build of the SDK. Only plugins that need a draft are held to it.
#ifndef PKERNEL_SDK_BUILD_ID
#define PKERNEL_SDK_BUILD_ID "source"
#endif

namespace pk::detail {

static_assert(sizeof PKERNEL_NOTE_OWNER == 8 && sizeof(pk_note) % 4 == 0);
static_assert(offsetof(pk_note_section, note) == 20);

template <std::size_t N>
consteval void copy(char (&to)[N], std::string_view from) {
    if (from.size() >= N) throw "too long for the plugin's note";
    for (std::size_t i = 0; i < from.size(); ++i) to[i] = from[i];
}

// The name of the file, without ".so", that the kernel looks for.
consteval void check_name(std::string_view name) {
    const auto lower = [](char c) { return c >= 'a' && c <= 'z'; };
    if (name.empty() || !lower(name[0])) throw "a plugin's name begins with a letter a to z";
    for (char c : name)
        if (!lower(c) && !(c >= '0' && c <= '9') && c != '_')
            throw "a plugin's name holds a to z, 0 to 9 and _";
}

// Services that T lists in `static constexpr std::string_view needs[]`: without one of them the
// kernel refuses the file before it runs any of its code.
template <class T>
consteval std::size_t put_needs(pk_note& note, std::size_t at) {
    if constexpr (requires { T::needs[0]; }) {
        for (std::string_view id : T::needs) {
            if (at + id.size() + 2 > sizeof note.needs) throw "too many needs";
            for (char c : id) note.needs[at++] = c;
            note.needs[at++] = '\0';
        }
    }
    return at;
}

template <class... Factories>
consteval pk_note_section make_note(std::string_view name, std::string_view version) {
    pk_note_section section{
        sizeof PKERNEL_NOTE_OWNER, sizeof(pk_note), PKERNEL_NOTE_TYPE, PKERNEL_NOTE_OWNER, {}};
    pk_note& note = section.note;
    note.magic = PKERNEL_NOTE_MAGIC;
    note.size = sizeof note;
    note.abi_major = PKERNEL_ABI_MAJOR;
    note.abi_minor = 0;  // Nothing newer than 1.0 exists; a use of it will raise this.
    check_name(name);
    copy(note.name, name);
    copy(note.version, version);
    copy(note.build_id, PKERNEL_SDK_BUILD_ID);
    std::size_t at = 0;
    ((at = put_needs<typename Factories::plugin>(note, at)), ...);
    return section;
}

// The table of the extension point `id`, out of those that the plugin has.
template <class... Factories>
const void* table_by_id(std::string_view id) noexcept {
    const void* found = nullptr;
    ((id == Factories::id ? void(found = &Factories::table) : void()), ...);
    return found;
}

}  // namespace pk::detail
