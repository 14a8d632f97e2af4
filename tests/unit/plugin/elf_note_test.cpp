// The reader of notes, on the bytes of a real plugin and on what damage makes of them.

#include "kernel/plugin/elf_note.hpp"

#include <elf.h>

#include <boost/test/unit_test.hpp>
#include <cstring>
#include <functional>

#include "tests/unit/plugin/workbench.hpp"

using namespace pkernel::plugin;
using namespace pkernel::plugin::testing;

namespace {

std::string good() {
    return read_file(sample_path("plain"));
}

// Why these bytes carry no note; "" if they do. On the heap to the byte, so that ASan sees an
// overrun.
std::string reason(std::string_view bytes) {
    const std::unique_ptr<char[]> exact(new char[bytes.size()]);
    std::memcpy(exact.get(), bytes.data(), bytes.size());
    const auto note = read_note({exact.get(), bytes.size()});
    return note.has_value() ? "" : note.error();
}

std::string reason_with(const std::function<void(Elf64_Ehdr&)>& change) {
    auto bytes = good();
    Elf64_Ehdr header;
    std::memcpy(&header, bytes.data(), sizeof header);
    change(header);
    std::memcpy(bytes.data(), &header, sizeof header);
    return reason(bytes);
}

pk_note note_of(const std::string& sample) {
    const auto note = read_note(read_file(sample_path(sample)));
    BOOST_REQUIRE(note.has_value());
    return *note;
}

std::string why(const pk_note& note, std::string_view name = "plain",
                const host_abi& host = test_abi()) {
    return check_note(note, name, host).value_or("");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(elf_note)

BOOST_AUTO_TEST_CASE(reads_the_note_of_a_plugin) {
    const auto note = note_of("plain");
    BOOST_TEST(note.name == "plain");
    BOOST_TEST(note.version == "1.2.3");
    BOOST_TEST(note.abi_major == 1u);
    BOOST_TEST(why(note) == "");
}

BOOST_AUTO_TEST_CASE(tells_what_is_no_library) {
    BOOST_TEST(reason("") == "is empty");
    BOOST_TEST(reason("#!/bin/sh\necho hello\n") == "is a text file, not a shared library");
    BOOST_TEST(reason("x") == "is a text file, not a shared library");
    BOOST_TEST(reason(std::string(100, '\0')) == "is not an ELF file, so not a shared library");
    BOOST_TEST(reason_with([](auto& h) { h.e_type = ET_REL; }) ==
               "is not a shared library (its ELF type is 1)");
}

BOOST_AUTO_TEST_CASE(tells_a_library_for_another_machine) {
    BOOST_TEST(reason_with([](auto& h) { h.e_ident[EI_CLASS] = ELFCLASS32; }) ==
               "is not a 64-bit library, which this kernel needs");
    BOOST_TEST(reason_with([](auto& h) { h.e_ident[EI_DATA] = ELFDATA2MSB; }) ==
               "is a big-endian library; this kernel is little-endian");
    BOOST_TEST(
        reason_with([](auto& h) { h.e_machine = EM_S390; }).starts_with("is built for s390x; "));
    BOOST_TEST(
        reason_with([](auto& h) { h.e_machine = 999; }).starts_with("is built for machine 999; "));
}

BOOST_AUTO_TEST_CASE(tells_a_truncated_file_at_every_length) {
    const auto whole = good();
    for (std::size_t size = 1; size < whole.size(); ++size) {
        const auto said = reason(std::string_view(whole).substr(0, size));
        if (!said.starts_with("is truncated: ")) BOOST_FAIL(size << " bytes: '" << said << "'");
    }
}

BOOST_AUTO_TEST_CASE(survives_damage_to_any_byte) {
    const auto whole = good();
    for (std::size_t at = 0; at < std::min<std::size_t>(whole.size(), 4096); ++at) {
        for (const char with : {'\0', '\1', '\x7f', '\xff'}) {
            auto bytes = whole;
            bytes[at] = with;
            reason(bytes);
        }
    }
}

BOOST_AUTO_TEST_CASE(refuses_headers_that_make_no_sense) {
    const std::string headers = "is damaged: its program headers make no sense";
    BOOST_TEST(reason_with([](auto& h) { h.e_phentsize = 1; }) == headers);
    BOOST_TEST(reason_with([](auto& h) { h.e_phnum = 60000; }) == headers);
    BOOST_TEST(reason_with([](auto& h) { h.e_phoff = ~0ull - 8; }).starts_with("is truncated"));
    BOOST_TEST(reason_with([](auto& h) { h.e_shoff = ~0ull; }).starts_with("is truncated"));
}

BOOST_AUTO_TEST_CASE(refuses_a_library_without_our_note) {
    const std::string none =
        "carries no plugin note: it is a library, but not a plugin built with the SDK";
    BOOST_TEST(reason(read_file(sample_path("no_note"))) == none);
    BOOST_TEST(reason_with([](auto& h) { h.e_phnum = 0; }) == none);
}

BOOST_AUTO_TEST_CASE(refuses_a_note_that_is_damaged) {
    const auto said = [](const char* sample) { return reason(read_file(sample_path(sample))); };
    BOOST_TEST(said("wrong_magic") ==
               "is damaged: its plugin note does not begin with the magic number");
    BOOST_TEST(said("wrong_size") ==
               "is damaged: its plugin note has size 12 where at least 392 and at most 392 was "
               "expected");
    BOOST_TEST(said("no_name") == "is damaged: its plugin note holds no valid name");

    auto bytes = good();
    const auto name = bytes.find(std::string("plain\0\0\0", 8));
    BOOST_REQUIRE(name != bytes.npos);
    bytes.replace(name, sizeof(pk_note::name), sizeof(pk_note::name), 'a');
    BOOST_TEST(reason(bytes) == "is damaged: its plugin note holds a string that does not end");
}

BOOST_AUTO_TEST_CASE(judges_a_note_against_the_host) {
    BOOST_TEST(why(note_of("wrong_major"), "wrong_major") ==
               "is built for plugin ABI 9.0; this kernel speaks 1.0");
    BOOST_TEST(why(note_of("newer_minor"), "newer_minor") ==
               "needs plugin ABI 1.99 or later; this kernel speaks 1.0");
    BOOST_TEST(why(note_of("plain"), "other") ==
               "holds the plugin 'plain'; the file must be named after it");
    BOOST_TEST(why(note_of("needs_unknown"), "needs_unknown") ==
               "needs 'test.unknown/1', which this kernel does not offer");
}

BOOST_AUTO_TEST_CASE(lets_a_draft_be_used_by_the_same_build_only) {
    const auto note = note_of("needs_draft");
    BOOST_TEST(why(note, "needs_draft") ==
               "needs 'test.draft/1-draft', a draft that only plugins of the same build may use: "
               "it is of build 'their-build', this kernel of 'our-build'");
    auto same = test_abi();
    same.build_id = "their-build";
    BOOST_TEST(why(note, "needs_draft", same) == "");
}

BOOST_AUTO_TEST_CASE(knows_names_of_plugins) {
    for (const char* name : {"a", "rate_limit", "http2"}) BOOST_TEST(is_plugin_name(name));
    for (const char* name : {"", "2a", "_a", "A", "a-b", "../a", "a.b"}) {
        BOOST_TEST(!is_plugin_name(name));
    }
    BOOST_TEST(is_plugin_name(std::string(47, 'a')));
    BOOST_TEST(!is_plugin_name(std::string(48, 'a')));
}

BOOST_AUTO_TEST_SUITE_END()
