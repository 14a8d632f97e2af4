// What is wrong with a config: every error and warning of one run, collected before any is shown.

#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/config/codes.hpp"
#include "kernel/config/position.hpp"
#include "kernel/config/sources.hpp"

namespace pkernel::config {

enum class severity { error, warning };

// Exit codes of the command line (behaviour G).
enum class exit_class : int { ok = 0, config = 1, usage = 2, plugin = 3, bind = 4 };

// Texts may hold what the user wrote, any byte: the renderer escapes control characters.
struct diagnostic {
    code number{};
    position at;
    std::string message;             // One sentence, no full stop.
    std::string hint;                // Beside the caret: "did you mean 'proxy'?"
    std::vector<std::string> notes;  // Lines that begin with "= ".
    std::string docs;                // What to pass to `pkernel describe`; may be empty.
    severity level = severity::error;
    exit_class exit = exit_class::config;
    bool snippet = true;  // False where the message quotes the token and says what to write.
};

// Belongs to the control thread.
class diagnostics {
public:
    static constexpr std::size_t kept_max = 1000;

    // Past kept_max a diagnostic is counted and not kept. The file name is copied.
    void add(diagnostic d);
    void error(code number, position at, std::string message);
    void warning(code number, position at, std::string message);
    // The value at `at` is not known, and an error has told why: what else is said of that place
    // would only follow from it, and is not added.
    void lost(position at);

    std::size_t errors() const noexcept { return errors_; }
    std::size_t warnings() const noexcept { return warnings_; }

    // The lowest non-zero exit class of all errors, else ok.
    exit_class exit() const noexcept { return exit_; }

    // In the order of the files' first mention, then by line and column; equal ones as added.
    std::vector<diagnostic> sorted() const;

    sources& files() noexcept { return files_; }
    const sources& files() const noexcept { return files_; }

private:
    sources files_;
    std::vector<diagnostic> kept_;
    std::vector<position> lost_;
    std::size_t errors_ = 0;
    std::size_t warnings_ = 0;
    exit_class exit_ = exit_class::ok;
};

}  // namespace pkernel::config
