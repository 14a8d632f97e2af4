#include "kernel/runtime/privileged_files.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <functional>
#include <set>
#include <utility>

#include "kernel/base/log.hpp"
#include "kernel/config/diagnostic.hpp"
#include "kernel/config/include.hpp"
#include "kernel/runtime/file_access.hpp"

namespace pkernel::runtime {
namespace {

using base::log_level;
using clock = std::chrono::steady_clock;

// Notes what a reading of the config has read: it, what it includes, what ${file:} stands for.
class noting_environment final : public config::process_environment {
public:
    config::file_text read(const std::string& path, std::size_t size_max) override {
        paths.insert(path);
        return process_environment::read(path, size_max);
    }
    std::set<std::string> paths;
};

void say(const std::string& path, const std::string& why) {
    base::log(log_level::warning, "'" + path + "' is not opened for the engine: " + why);
}

// Takes an opened file. False: it wants no more.
using taker = std::function<bool(const std::string& path, base::unique_fd fd)>;

class handing_over {
public:
    handing_over(const file_access& user, taker take) : user_(user), take_(std::move(take)) {}

    // Everything that decides what is named. False: the engine's user could have written it.
    bool is_from_root(const std::set<std::string>& read) {
        for (const std::string& path : read) {
            std::string why;
            if (::access(path.c_str(), F_OK) != 0 || user_.out_of_reach(path, why)) continue;
            base::log(log_level::warning,
                      "no file is opened for the engine: of the config's '" + path + "', " + why);
            return false;
        }
        return true;
    }

    void give_each(const std::set<std::string>& paths) {
        for (const std::string& path : paths)
            if (!give(path)) return;
    }

    // Every scalar may be the name of a file: which are is for the option tables of plugins to say,
    // and those are not here.
    void names_in(const config::node& tree, const std::string& cwd, std::set<std::string>& out) {
        for (const config::node& item : tree.items) names_in(item, cwd, out);
        for (const config::entry& e : tree.entries) names_in(e.value, cwd, out);
        if (tree.kind != config::node_kind::scalar || tree.text.empty()) return;
        if (tree.text.size() > message::text_bytes_max) return;
        if (tree.text.find('\0') != std::string::npos) return;
        out.insert(config::resolve_path(tree.text, tree.at.file, cwd));
    }

private:
    // False: no more of them.
    bool give(const std::string& path) {
        struct stat about {};
        if (::stat(path.c_str(), &about) != 0 || !S_ISREG(about.st_mode)) return true;
        if (user_.may_read(path)) return true;
        std::string why;
        const auto place = user_.out_of_reach(path, why);
        if (!place) return say(path, why), true;
        // O_NONBLOCK: should it have become a pipe by now.
        base::unique_fd fd(::open(place->c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
        if (!fd || ::fstat(fd.get(), &about) != 0 || !S_ISREG(about.st_mode))
            return say(path, fd ? "it is not a regular file" : std::strerror(errno)), true;
        if (path.size() > message::text_bytes_max) return say(path, "its name is too long"), true;
        if (given_++ == passed_files_max) {
            say(path, std::to_string(passed_files_max) + " files are the most");
            return false;
        }
        return take_(path, std::move(fd));
    }

    const file_access& user_;
    const taker take_;
    std::size_t given_ = 0;
};

void hand_over(const std::string& config_file, identity who, taker take) {
    const file_access user(std::move(who));
    if (!user.usable()) return say(config_file, "the engine's groups cannot be taken");
    noting_environment outside;
    config::diagnostics unshown;  // The engine reads it all again and shows them.
    const auto tree = config::read_tree(config_file, outside, unshown);
    handing_over hand(user, std::move(take));
    if (!hand.is_from_root(outside.paths)) return;
    std::set<std::string> names = outside.paths;
    if (tree) hand.names_in(*tree, outside.working_directory(), names);
    hand.give_each(names);
}

bool send(channel& to, const message& text, int fd, clock::time_point end) {
    while (!to.send(text, {fd})) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - clock::now());
        pollfd room{to.fd(), POLLOUT, 0};
        if (errno != EAGAIN || left.count() <= 0) return false;
        ::poll(&room, 1, static_cast<int>(left.count()));
    }
    return true;
}

}  // namespace

void hand_over_files(const std::string& config_file, pid_t engine, channel& to) {
    auto who = identity_of(engine);
    if (!who || who->uid == 0) return;
    const auto end = clock::now() + std::chrono::milliseconds(passing_time_max_ms);
    hand_over(config_file, std::move(*who), [&](const std::string& path, base::unique_fd fd) {
        message text;
        text.kind = message_kind::file;
        text.count = 1;
        return text.set_path(path) && send(to, text, fd.get(), end);
    });
}

passed_files files_for(const std::string& config_file, identity who) {
    passed_files all;
    hand_over(config_file, std::move(who), [&](const std::string& path, base::unique_fd fd) {
        all.insert_or_assign(path, std::move(fd));
        return true;
    });
    return all;
}

config::file_text engine_environment::read(const std::string& path, std::size_t size_max) {
    const auto found = given_.find(path);
    if (found == given_.end()) return process_environment::read(path, size_max);
    return config::read_open_file(found->second.get(), size_max);
}

}  // namespace pkernel::runtime
