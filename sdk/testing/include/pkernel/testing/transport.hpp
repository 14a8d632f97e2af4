// Drives a transport: connections over socket pairs, one hook at a time.

#pragma once

#include <pkernel/abi/transport.h>
#include <pkernel/testing/plugin.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace pk::testing {

// What the kernel would tell of a connection.
struct conn_spec {
    std::vector<std::string> protocols = {};
    std::string place = "listener";
    std::string peer_name = {};
};

class transport_conn {
public:
    transport_conn(const pk_transport& table, void* instance, std::uint32_t side,
                   const conn_spec& about);
    ~transport_conn();  // closed(), then the fd.
    transport_conn(const transport_conn&) = delete;

    bool opened() const noexcept { return opened_; }
    int peer_fd() const noexcept { return peer_; }  // The other end, non-blocking; the test's.
    void close_peer();

    pk_io handshake();
    // All that comes until the answer is something else than more; that answer.
    pk_io read(std::string& into, std::size_t room = 64 * 1024);
    pk_io read_once(std::string& into, std::size_t room);
    // Drops what was taken from `slices`.
    pk_io write(std::vector<std::string>& slices, bool more = false);
    pk_io close_write();

    bool serves(std::string_view host);
    std::string variable(std::string_view name);  // "(none)" when there is none.

    const std::string& failure() const noexcept { return failure_; }
    std::uint32_t cause() const noexcept { return cause_; }
    const std::string& protocol() const noexcept { return protocol_; }

private:
    friend struct conn_calls;
    pk_conn conn_{};  // First: the handle is the object.
    const pk_transport& table_;
    const conn_spec about_;
    std::vector<pk_str> protocols_;
    std::vector<std::max_align_t> state_;
    int peer_ = -1;
    bool opened_ = false;
    bool failed_ = false;
    bool more_ = false;  // In write.
    std::uint32_t cause_ = 0;
    std::string failure_;
    std::string protocol_;
};

class transport_under_test {
public:
    explicit transport_under_test(std::string_view options, const setup& with = {},
                                  const std::string& file = PKERNEL_PLUGIN_UNDER_TEST);

    // Why it would not load; empty when it does.
    static std::string load_error(std::string_view options, const setup& with = {},
                                  const std::string& file = PKERNEL_PLUGIN_UNDER_TEST);

    std::unique_ptr<transport_conn> open(const conn_spec& about = {});
    fake_host& host() noexcept { return instance_.host(); }
    const pk_transport& table() const noexcept { return *table_; }
    void* raw() noexcept { return instance_.raw(); }

private:
    instance_under_test instance_;
    const pk_transport* table_;
    std::uint32_t side_;
};

}  // namespace pk::testing
