#include "kernel/base/crash_board.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "kernel/base/check.hpp"

namespace pkernel::base {

struct crash_board::pages {
    line lines[lines_max];
    char labels[labels_max][label_bytes_max + 8];
};

namespace {

// Copies and terminates; control bytes become '?', since the master prints it as it stands.
void put_text(char* to, std::size_t bytes_max, std::string_view text) noexcept {
    const std::size_t size = std::min(text.size(), bytes_max);
    std::transform(text.begin(), text.begin() + size, to, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte < 0x20 || byte == 0x7f ? '?' : c;
    });
    to[size] = '\0';
}

}  // namespace

crash_board::crash_board()
    : pages_(static_cast<pages*>(::mmap(nullptr, sizeof(pages), PROT_READ | PROT_WRITE,
                                        MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
    if (pages_ == MAP_FAILED) throw std::bad_alloc();
}

crash_board::~crash_board() {
    ::munmap(pages_, sizeof(pages));
}

crash_board::line& crash_board::line_of(std::uint32_t index) noexcept {
    PK_CHECK(index < lines_max);
    return pages_->lines[index];
}

void crash_board::name_instance(std::uint32_t number, std::string_view label) noexcept {
    if (number < labels_max) put_text(pages_->labels[number], label_bytes_max, label);
}

void crash_board::clear() noexcept {
    // Gives the pages back as zeros, so that only those written next take memory again.
    if (::madvise(pages_, sizeof(pages), MADV_REMOVE) != 0)
        std::memset(static_cast<void*>(pages_), 0, sizeof(pages));
}

std::string crash_board::describe(const line& of) const {
    const std::uint32_t instance = of.running;
    if (instance == 0) return {};

    std::string text;
    if (instance < labels_max)
        text.assign(pages_->labels[instance], ::strnlen(pages_->labels[instance], label_bytes_max));
    if (text.empty()) text = "instance " + std::to_string(instance);
    return text;
}

std::string crash_board::blame() const {
    std::string all;
    const bool caught = crash_signal() != 0;
    for (const line& each : pages_->lines) {
        if (caught && each.signal == 0) continue;
        const std::string one = describe(each);
        if (one.empty() || all.find(one) != std::string::npos) continue;
        if (!all.empty()) all += ", ";
        all += one;
    }
    return all;
}

int crash_board::crash_signal() const noexcept {
    for (const line& each : pages_->lines)
        if (each.signal != 0) return static_cast<int>(each.signal & 0x7f);
    return 0;
}

}  // namespace pkernel::base
