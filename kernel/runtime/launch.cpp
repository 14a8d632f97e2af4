#include "kernel/runtime/launch.hpp"

#include <sched.h>
#include <unistd.h>

#include "kernel/runtime/commands.hpp"
#include "kernel/runtime/crash_signals.hpp"
#include "kernel/runtime/engine.hpp"
#include "kernel/runtime/engine_user.hpp"
#include "kernel/runtime/fd_budget.hpp"
#include "kernel/runtime/load_trial.hpp"
#include "kernel/runtime/loading.hpp"
#include "kernel/runtime/master.hpp"
#include "kernel/runtime/memory_limit.hpp"
#include "kernel/runtime/privileged_files.hpp"
#include "kernel/runtime/privileges.hpp"
#include "kernel/runtime/report.hpp"
#include "kernel/runtime/single_process.hpp"

namespace pkernel::runtime {
namespace {

using base::log_level;

// Fewer than this is worth a warning: a limit that nobody has chosen.
constexpr std::uint64_t connections_few = 1000;

// What the surroundings of an engine are, with a master or without.
struct stage {
    listener_source& listeners;
    control_source& control;
    base::crash_board& board;
    unsigned workers;     // Of the engine before; 0: this is the first.
    engine_link* master;  // Null: none.
};

unsigned cpu_count() noexcept {
    cpu_set_t set;
    if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    return static_cast<unsigned>(CPU_COUNT(&set));
}

// Stops being root, if that is what this process is. Not 0: an exit code, after what is wrong was
// shown.
int give_up_root(const std::string& file) {
    constexpr int not_permitted = static_cast<int>(config::exit_class::bind);
    forbid_new_rights();
    if (!is_root()) return 0;
    engine_user user = engine_user_of(file);
    if (!user.who && !user.named) {
        base::log(log_level::warning,
                  "stays root: there is no user 'pkernel' to become, and the "
                  "config names none under 'user'");
        return 0;
    }
    if (!user.who) {
        user.problems.error(config::code::not_choice, user.at, no_such_user(user.name));
        show(user.problems);
        return static_cast<int>(user.problems.exit());
    }
    if (user.who->uid == 0) return 0;
    if (const std::string why = become(*user.who); !why.empty()) {
        base::log(log_level::error, why);
        return not_permitted;
    }
    base::log(log_level::info, "became user '" + user.name + "'");
    return 0;
}

unsigned choose_workers(const command_line& line, const config::model& conf, unsigned fixed) {
    const unsigned wanted = line.workers ? *line.workers : conf.workers.value_or(cpu_count());
    if (fixed == 0) return std::min(wanted, workers_max);
    if (wanted != fixed)
        base::log(log_level::warning, "keeps " + std::to_string(fixed) +
                                          " workers: their number changes with a new start only");
    return fixed;
}

std::string in_mib(std::uint64_t bytes) {
    return std::to_string(bytes >> 20) + " MiB";
}

// Zero when that is too little to serve anybody.
std::uint64_t choose_memory_max(const config::model& conf) {
    const memory_limit chosen = choose_memory(conf.memory.value_or(0));
    const std::string of = chosen.of_cgroup ? "the cgroup's limit" : "the machine's memory";
    if (chosen.lowered)
        base::log(log_level::warning, "limits.memory is lowered to " + in_mib(chosen.bytes) +
                                          ": 70% of " + of + " is no more");
    if (chosen.bytes < memory_least) {
        base::log(log_level::error, in_mib(chosen.bytes) + " of memory, 70% of " + of +
                                        ", is too little: " + in_mib(memory_least) + " are needed");
        return 0;
    }
    return chosen.bytes;
}

// Zero when the descriptors do not even do for the listeners.
std::uint64_t choose_connections(const config::model& conf, unsigned workers,
                                 std::uint64_t memory_max) {
    const std::uint64_t sockets = conf.listeners.size() * workers;
    const fd_budget budget = make_fd_budget(raise_fd_limit(), workers, sockets);
    const std::string limit = "RLIMIT_NOFILE (" + std::to_string(budget.limit) + ')';
    if (budget.connections_max == 0)
        base::log(log_level::error, limit + " is too low for " + std::to_string(workers) +
                                        " workers and " + std::to_string(conf.listeners.size()) +
                                        " listeners");
    const std::uint64_t by_memory = memory_max / memory_per_connection;
    const std::uint64_t most = std::min(budget.connections_max, by_memory);
    if (budget.connections_max > 0 && budget.connections_max < connections_few)
        base::log(log_level::warning, "serves " + std::to_string(budget.connections_max) +
                                          " connections at most: " + limit +
                                          " allows no more; raise the hard limit (ulimit -Hn, "
                                          "LimitNOFILE= of systemd)");
    const std::string why =
        most == budget.connections_max ? limit : in_mib(memory_max) + " of memory";
    for (const config::listener& each : conf.listeners)
        if (each.limits.connections > most && most > 0)
            base::log(log_level::warning, "listener '" + each.name + "' takes " +
                                              std::to_string(most) +
                                              " connections at most: " + why + " allows no more");
    return most;
}

passed_files files_of_root(const stage& on) {
    return on.master && !is_root() ? on.master->files() : passed_files();
}

// What a reload cannot change.
struct fixed_settings {
    std::optional<std::uint64_t> memory;
    std::optional<std::string> user;
};

void warn_of_fixed(const config::model& now, const fixed_settings& started) {
    if (now.memory != started.memory)
        base::log(log_level::warning, "limits.memory changes with a new start only");
    if (now.user != started.user)
        base::log(log_level::warning, "user changes with a new start only");
}

int run_engine(const command_line& line, const stage& on) {
    const log own_log(log::mode::background, line.log_format, line.log_level);
    catch_crashes(on.board);
    const crash_stack control_thread(0);

    if (on.master)
        if (const int code = give_up_root(config_file(line)); code != 0) return code;
    // Its copies of plugins belong to whoever this process is by now.
    reading from(line, files_of_root(on));
    from.load();
    show(from.problems);
    if (!from.conf) return from.exit_code();

    const unsigned workers = choose_workers(line, *from.conf, on.workers);
    const std::uint64_t memory_max = choose_memory_max(*from.conf);
    if (memory_max == 0) return static_cast<int>(config::exit_class::bind);
    const std::uint64_t connections_max = choose_connections(*from.conf, workers, memory_max);
    if (connections_max == 0) return static_cast<int>(config::exit_class::bind);
    base::log(log_level::info,
              "pkernel " + std::string(version_text) + ", config " + from.file + ", plugins in " +
                  from.files.directory() + ", " + std::to_string(workers) +
                  (workers == 1 ? " worker, " : " workers, ") + std::to_string(connections_max) +
                  " connections and " + in_mib(memory_max) + " at most");
    engine_setup setup{from.conf,       from.problems, from.files,     from.plugins,
                       on.listeners,    on.control,    on.board,       workers,
                       connections_max, memory_max,    line.log_level, {}};
    const fixed_settings started{from.conf->memory, from.conf->user};
    setup.read_again = [&] {
        auto next = std::make_unique<next_config>(from.files);
        engine_environment outside(files_of_root(on));
        next->conf = config::load(from.file, next->plugins, outside, next->problems);
        if (next->conf) {
            choose_workers(line, *next->conf, workers);
            warn_of_fixed(*next->conf, started);
        }
        return next;
    };
    from.files.set_trial([&](std::string_view name) {
        std::vector<std::string> words{"pkernel", "--plugins-dir", from.files.directory()};
        if (line.allow_insecure_plugins_dir) words.emplace_back("--allow-insecure-plugins-dir");
        words.insert(words.end(), {"describe", std::string(name)});
        return try_to_load(words, from.files.path_of(name));
    });
    from.conf.reset();  // The engine's alone, so that it can go at a reload.
    return engine_main(setup);
}

int run_alone(const command_line& line) {
    single_process process;
    base::crash_board board;
    forbid_new_rights();
    if (is_root()) {
        const log early(log::mode::direct, line.log_format, line.log_level);
        base::log(log_level::warning, "a single process keeps root");
    }
    return run_engine(line, {process, process, board, 0, nullptr});
}

}  // namespace

int run_proxy(const command_line& line) {
    if (line.single_process) return run_alone(line);
    const log own_log(log::mode::direct, line.log_format, line.log_level);
    master keeper(
        [&](engine_link& link, base::crash_board& board, unsigned workers) {
            return run_engine(line, {link, link, board, workers, &link});
        },
        [&](pid_t engine, channel& to) { hand_over_files(config_file(line), engine, to); });
    return keeper.run();
}

}  // namespace pkernel::runtime
