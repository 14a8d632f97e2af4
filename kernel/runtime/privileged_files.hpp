// How the engine gets to files of the config that only root may open, keys above all, after it has
// given up root: it asks its master, and a short-lived child of that opens them and hands over the
// descriptors (message_kind::files).
//
// The child takes nothing from the engine but its user: what it opens is what the config names, as
// it stands on the disk. Should the engine be taken over, that is all that can be had by asking,
// provided that its user cannot change what the config says or where its paths lead: nothing is
// handed over then (file_access).

#pragma once

#include <sys/types.h>

#include <map>
#include <string>

#include "kernel/base/unique_fd.hpp"
#include "kernel/config/environment.hpp"
#include "kernel/runtime/channel.hpp"
#include "kernel/runtime/file_access.hpp"

namespace pkernel::runtime {

constexpr std::size_t passed_files_max = 256;
constexpr int passing_time_max_ms = 5000;

// By absolute path, as resolve_path gives it.
using passed_files = std::map<std::string, base::unique_fd>;

// In a forked child of the master, as root: sends the files that `config_file` names and the user
// of `engine`, a process of the master's, may not open. Loads no plugin. What is left out is a line
// in the log. Whatever its end, the master says `files_end`.
void hand_over_files(const std::string& config_file, pid_t engine, channel& to);

// The same within this process, which is root still and will be `who`: what the engine of that
// config would be handed over. Changes the groups of this process.
passed_files files_for(const std::string& config_file, identity who);

// Reads what was handed over from there, all else by itself.
class engine_environment final : public config::process_environment {
public:
    explicit engine_environment(passed_files given) : given_(std::move(given)) {}
    config::file_text read(const std::string& path, std::size_t size_max) override;
    // The config has been read: nothing is kept open that need not be.
    void close_given() noexcept { given_.clear(); }

private:
    passed_files given_;
};

}  // namespace pkernel::runtime
