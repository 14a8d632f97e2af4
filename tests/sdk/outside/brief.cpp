// A log: a line for each request on stderr, through the kernel's own log.

#include <pkernel/plugin.hpp>
#include <string>

namespace {

class brief {
public:
    explicit brief(const pk::host& h) : host_(h) {}

    void record(const pk_record& r) const {
        host_.log(PK_LOG_INFO, "answered " + std::to_string(r.status) + ", " +
                                   std::string(pk::view(r.end_reason)));
    }

private:
    const pk::host host_;
};

}  // namespace

PKERNEL_PLUGIN("brief", "1.0.0", "Says how each request ended.", pk::log<brief>);
