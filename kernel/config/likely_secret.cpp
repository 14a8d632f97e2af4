#include "kernel/config/likely_secret.hpp"

#include <string>
#include <string_view>

#include "kernel/config/text.hpp"

namespace pkernel::config {

namespace {

constexpr std::string_view words[] = {"password", "passwd", "passphrase", "secret",
                                      "token",    "apikey", "credential", "_key"};

bool sounds_secret(std::string_view before_colon) {
    const std::string text = lower(before_colon);
    const std::size_t start = text.find_last_of(" {[,\"'-");
    const std::string_view key =
        std::string_view(text).substr(start == std::string::npos ? 0 : start + 1);
    for (const auto word : words) {
        if (key.find(word) != std::string_view::npos) return true;
    }
    return false;
}

}  // namespace

void hide_likely_secret(sources& files, const position& at) {
    const std::string_view line = files.line(at.file, at.line);
    for (std::size_t colon = line.find(':'); colon != std::string_view::npos;
         colon = line.find(':', colon + 1)) {
        std::string_view before = line.substr(0, colon);
        while (!before.empty() &&
               std::string_view(" \"'").find(before.back()) != std::string_view::npos) {
            before.remove_suffix(1);
        }
        if (!sounds_secret(before)) continue;
        const auto column = static_cast<std::uint32_t>(characters(line.substr(0, colon + 1)) + 1);
        files.hide({at.file, at.line, column, 0}, 0, 0);
        return;
    }
}

}  // namespace pkernel::config
