// Named values of a stream ("client_ip", "field.user-agent"), for keys and templates.

#pragma once

#include <pkernel/abi/variables.h>
#include <pkernel/host.hpp>
#include <pkernel/stream.hpp>

namespace pk {

class variable {
public:
    // [control] Refuses the config at `option` when there is no such variable.
    variable(const host& h, std::string_view option, std::string_view name)
        : table_(&h.required<pk_variables>(PK_VARIABLES_ID)) {
        if (table_->resolve(h.raw(), str(name), &number_) != PK_OK) {
            throw config_error(option, "there is no variable '" + std::string(name) + "'");
        }
    }

    // [worker] Empty when it has no value. Lives as long as the stream.
    std::string_view of(stream& s) const noexcept {
        pk_str value{};
        return table_->get(s.raw(), number_, &value) == PK_OK ? view(value) : std::string_view();
    }

private:
    const pk_variables* table_;
    std::uint32_t number_ = 0;
};

}  // namespace pk
