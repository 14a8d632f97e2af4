// The probe as a log: what variables are at the end of a stream.

#pragma once

#include <pkernel/plugin.hpp>
#include <pkernel/services.hpp>

#include <string>
#include <vector>

namespace probe {

struct log_settings {
    std::vector<std::string_view> variables;
};
constexpr auto log_schema = pk::schema<log_settings>(
    pk::list("variables", &log_settings::variables, pk::text(), "Shown of each record."));

class log {
public:
    log(const log_settings& conf, pk::host& h) : host_(h) {
        for (const auto name : conf.variables) {
            names_.emplace_back(name);
            values_.emplace_back(h, "variables", name);
        }
    }

    void record(const pk_record& r) const {
        std::string line = "record";
        if (r.stream == nullptr) line += " without a stream";
        for (std::size_t i = 0; r.stream != nullptr && i < names_.size(); ++i) {
            pk::stream s(r.stream);
            line += " " + names_[i] + "=" + std::string(values_[i].of(s));
        }
        host_.log(PK_LOG_INFO, line);
    }

private:
    const pk::host host_;
    std::vector<std::string> names_;
    std::vector<pk::variable> values_;
};

}  // namespace probe
