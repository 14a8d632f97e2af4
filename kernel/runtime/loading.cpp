#include "kernel/runtime/loading.hpp"

#include <limits.h>
#include <unistd.h>

#include "kernel/runtime/commands.hpp"
#include "kernel/runtime/engine.hpp"
#include "pkernel/abi/attempt.h"
#include "pkernel/abi/balancer.h"
#include "pkernel/abi/clock.h"
#include "pkernel/abi/codec.h"
#include "pkernel/abi/discovery.h"
#include "pkernel/abi/handler.h"
#include "pkernel/abi/health.h"
#include "pkernel/abi/http_filter.h"
#include "pkernel/abi/log.h"
#include "pkernel/abi/logger.h"
#include "pkernel/abi/metrics.h"
#include "pkernel/abi/offload.h"
#include "pkernel/abi/subrequest.h"
#include "pkernel/abi/timer.h"
#include "pkernel/abi/transport.h"
#include "pkernel/abi/tunnel.h"
#include "pkernel/abi/variables.h"
#include "pkernel/abi/waker.h"

namespace pkernel::runtime {
namespace {

constexpr const char* config_places[] = {"conf/pkernel.yaml", "/etc/pkernel/pkernel.yaml"};

std::string program_dir() {
    char path[PATH_MAX];
    const ssize_t size = ::readlink("/proc/self/exe", path, sizeof path);
    if (size <= 0) return ".";
    const std::string_view whole(path, static_cast<std::size_t>(size));
    return std::string(whole.substr(0, whole.rfind('/')));
}

plugin::plugin_dir::trust trust_of(const command_line& line) {
    using trust = plugin::plugin_dir::trust;
    return line.allow_insecure_plugins_dir ? trust::any : trust::checked;
}

}  // namespace

std::string config_file(const command_line& line) {
    if (line.config_file) return *line.config_file;
    for (const char* each : config_places)
        if (::access(each, F_OK) == 0) return each;
    return config_places[0];
}

std::string plugins_dir(const command_line& line) {
    if (line.plugins_dir) return *line.plugins_dir;
    const std::string here = program_dir();
    const std::string beside = here + "/plugins";
    return ::access(beside.c_str(), F_OK) == 0 ? beside : here + "/../lib/pkernel/plugins";
}

const std::vector<std::string>& extension_points() {
    static const std::vector<std::string> all{
        PK_HTTP_FILTER_ID, PK_HANDLER_ID, PK_BALANCER_ID, PK_LOG_ID,    PK_TRANSPORT_ID,
        PK_CODEC_ID,       PK_TUNNEL_ID,  PK_ATTEMPT_ID,  PK_HEALTH_ID, PK_DISCOVERY_ID};
    return all;
}

plugin::host_abi kernel_abi() {
    plugin::host_abi abi;
    abi.build_id = version_text;
    abi.offers = extension_points();
    for (const char* service :
         {PK_LOGGER_ID, PK_CLOCK_ID, PK_METRICS_ID, PK_TIMER_ID, PK_WAKER_ID, PK_OFFLOAD_ID,
          PK_SUBREQUEST_ID, PK_VARIABLES_ID, PK_TUNNEL_SERVICE_ID})
        abi.offers.emplace_back(service);
    return abi;
}

reading::reading(const command_line& line, passed_files given)
    : named(line.config_file.has_value()),
      file(config_file(line)),
      outside(std::move(given)),
      files(plugins_dir(line), trust_of(line), kernel_abi()),
      plugins(files) {
    plugins.may_browse();
}

void reading::load() {
    if (!named && ::access(file.c_str(), F_OK) != 0) {
        problems.error(config::code::file_unreadable, {},
                       std::string("there is no config: neither ") + config_places[0] + " nor " +
                           config_places[1] + "; --config FILE names one");
    } else {
        std::shared_ptr<const config::model> refused;
        conf = config::load(file, plugins, outside, problems, &refused);
        if (refused) engine_check_refused(refused, plugins, problems);
    }
    outside.close_given();
}

}  // namespace pkernel::runtime
