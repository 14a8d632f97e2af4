// A request of the plugin's own. It ends with the stream that started it; then nothing more is
// called.
//
// The receiver is an object in the stream's state, with any of these (all [worker]):
//     void head(stream& parent, uint32_t status, field_list fields)
//     uint64_t data(stream& parent, pk::data)      bytes taken; fewer pause it until resume
//     void end(stream& parent, uint32_t cause)     the last call; PK_END_COMPLETE: all went well

#pragma once

#include <pkernel/abi/subrequest.h>
#include <pkernel/detail/instance.hpp>

#include <chrono>

namespace pk {

struct subrequest {
    std::string_view upstream = {};  // Empty: matched against the routes.
    std::string_view method = "GET";
    std::string_view authority = {};  // Empty: the parent's.
    std::string_view target = "/";
    new_fields fields = {};
    std::string_view body = {};
    std::uint64_t body_limit = 1 << 20;
    std::chrono::nanoseconds timeout = {};  // Zero: that of the upstream.
};

// A request to one endpoint of an upstream, whatever its state, from a worker's instance: a probe.
struct probe {
    std::string_view upstream;
    std::string_view endpoint;        // Its address.
    std::uint32_t port = 0;           // 0: the endpoint's own.
    bool connect_only = false;        // Nothing is sent, and there is no head.
    std::string_view authority = {};  // Empty: the endpoint's address.
    std::string_view target = "/";
    std::uint64_t body_limit = 1 << 20;
    std::chrono::nanoseconds timeout = {};  // Zero: that of the upstream.
};

class subrequests {
public:
    explicit subrequests(const host& h)
        : host_(h.raw()), table_(&h.required<pk_subrequest_service>(PK_SUBREQUEST_ID)) {}

    // [worker] From worker_init on. The receiver has no stream, must not throw, and lives until its
    // end, which always comes (PK_END_SHUTDOWN before worker_exit), unless it is cancelled:
    //     void head(uint32_t status, field_list)    optional
    //     uint64_t data(pk::data)                   optional; bytes taken
    //     void end(uint32_t cause)
    template <class Receiver>
    [[nodiscard]] pk_status start_on_worker(const probe& what, Receiver& to,
                                            std::uint64_t* id = nullptr) const noexcept {
        pk_subrequest raw{};
        raw.size = sizeof raw;
        raw.flags = what.connect_only ? +PK_SUB_CONNECT : 0u;
        raw.upstream = str(what.upstream);
        raw.method = str("GET");
        raw.authority = str(what.authority);
        raw.target = str(what.target);
        raw.fields = {nullptr, 0, sizeof(pk_field)};
        raw.body = {nullptr, 0, sizeof(pk_slice)};
        raw.body_limit = what.body_limit;
        raw.timeout_ns = static_cast<std::uint64_t>(what.timeout.count());
        raw.endpoint = str(what.endpoint);
        raw.endpoint_port = what.port;
        raw.arg = &to;
        if constexpr (requires { &Receiver::head; }) {
            raw.head = [](pk_stream*, void* r, std::uint32_t code, pk_field_view f) noexcept {
                static_cast<Receiver*>(r)->head(code, field_list(f));
            };
        }
        if constexpr (requires { &Receiver::data; }) {
            raw.data = [](pk_stream*, void* r, const pk_slice_view* d) noexcept -> std::uint64_t {
                return static_cast<Receiver*>(r)->data(pk::data(*d));
            };
        }
        raw.end = [](pk_stream*, void* r, std::uint32_t cause, pk_field_view) noexcept {
            static_cast<Receiver*>(r)->end(cause);
        };
        std::uint64_t unused = 0;
        return table_->start_on_worker(host_, &raw, id == nullptr ? &unused : id);
    }
    void cancel_on_worker(std::uint64_t id) const noexcept { table_->cancel_on_worker(host_, id); }

    // `Plugin` is the class that the stream belongs to. `to` must live until end() or stream_end.
    // PK_NO_MEMORY: eight run already, or they nest too deep.
    template <class Plugin, class Receiver>
    [[nodiscard]] pk_status start(stream& s, const subrequest& what, Receiver& to,
                                  std::uint64_t* id = nullptr) const noexcept {
        const pk_slice body{what.body.data(), what.body.size(), nullptr};
        pk_subrequest raw{};
        raw.size = sizeof raw;
        raw.upstream = str(what.upstream);
        raw.method = str(what.method);
        raw.authority = str(what.authority);
        raw.target = str(what.target);
        raw.fields = {what.fields.begin(), static_cast<std::uint32_t>(what.fields.size()),
                      sizeof(new_field)};
        raw.body = {&body, what.body.empty() ? 0u : 1u, sizeof body};
        raw.body_limit = what.body_limit;
        raw.timeout_ns = static_cast<std::uint64_t>(what.timeout.count());
        raw.arg = &to;
        set_callbacks<Plugin, Receiver>(raw);
        std::uint64_t unused = 0;
        return table_->start(s.raw(), &raw, id == nullptr ? &unused : id);
    }
    void resume(stream& s, std::uint64_t id) const noexcept { table_->resume(s.raw(), id); }
    void cancel(stream& s, std::uint64_t id) const noexcept { table_->cancel(s.raw(), id); }

private:
    template <class Plugin, class R>
    static void set_callbacks(pk_subrequest& raw) {
        using detail::contained;
        if constexpr (requires { &R::head; }) {
            raw.head = [](pk_stream* p, void* to, std::uint32_t code, pk_field_view f) {
                contained<Plugin>(p, 0, [&] {
                    stream s(p);
                    return static_cast<R*>(to)->head(s, code, field_list(f)), 0;
                });
            };
        }
        if constexpr (requires { &R::data; }) {
            raw.data = [](pk_stream* p, void* to, const pk_slice_view* d) -> std::uint64_t {
                return contained<Plugin>(p, std::uint64_t{0}, [&]() -> std::uint64_t {
                    stream s(p);
                    return static_cast<R*>(to)->data(s, pk::data(*d));
                });
            };
        }
        raw.end = [](pk_stream* p, void* to, std::uint32_t cause, pk_field_view) {
            contained<Plugin>(p, 0, [&] {
                stream s(p);
                return static_cast<R*>(to)->end(s, cause), 0;
            });
        };
    }

    const pk_host* host_;
    const pk_subrequest_service* table_;
};

}  // namespace pk
