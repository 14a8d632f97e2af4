// What the kernel's `void* instance` points to, and the wall that exceptions do not pass.

#pragma once

#include <pkernel/abi/plugin.h>
#include <pkernel/host.hpp>
#include <pkernel/stream.hpp>

#include <exception>

namespace pk::detail {

// A plugin's constructor takes what it needs of the settings and the host, in that order.
template <class T, class Settings>
T construct(const Settings& conf, host& h) {
    if constexpr (requires { T(conf, h); }) {
        return T(conf, h);
    } else if constexpr (requires { T(conf); }) {
        return T(conf);
    } else if constexpr (requires { T(h); }) {
        return T(h);
    } else {
        return T();
    }
}

template <class T>
struct instance {
    static_assert(std::is_nothrow_destructible_v<T>, "a plugin's destructor must not throw");
    pk::host host;
    T plugin;

    template <class Settings>
    instance(pk::host h, const Settings& conf) : host(h), plugin(construct<T>(conf, host)) {}

    static instance& of(void* raw) noexcept { return *static_cast<instance*>(raw); }
    static instance& of(pk_stream* s) noexcept { return of(s->instance); }
};

// Says whose fault it was, in the log and in the stream's record.
inline void tell(pk_stream* s, const host& h, const char* what) noexcept {
    fixed_text<512> line;
    line << "exception in a hook: " << std::string_view(what).substr(0, 400);
    h.log(PK_LOG_ERROR, line);
    s->api->annotate(s, str("plugin_error"), str(std::string_view(what).substr(0, 200)));
}

// What follows an exception: the host answers the request 500, or resets it where a response has
// begun; at its end there is nothing left to answer.
struct in_stream {
    void operator()(pk_stream* s) const noexcept { stream(s).reset(PK_END_PLUGIN_ERROR); }
};
struct at_end {
    void operator()(pk_stream*) const noexcept {}
};

// Runs f, which is one hook on a stream. An exception costs this stream and nothing else.
template <class T, class Result, class F, class Then = in_stream>
Result contained(pk_stream* s, Result on_error, F f, Then then = {}) noexcept {
    try {
        return f();
    } catch (const std::exception& e) {
        tell(s, instance<T>::of(s).host, e.what());
    } catch (...) {
        tell(s, instance<T>::of(s).host, "not a std::exception");
    }
    then(s);
    return on_error;
}

// Runs f on the plugin: a hook that belongs to no stream and answers nothing. An exception is a
// line of the log, `otherwise` where it has no words of its own.
template <class T, class F>
void call_logged(void* raw, std::string_view otherwise, F f) noexcept {
    auto& i = instance<T>::of(raw);
    try {
        f(i.plugin);
    } catch (const std::exception& e) {
        i.host.log(PK_LOG_ERROR, e.what());
    } catch (...) {
        i.host.log(PK_LOG_ERROR, otherwise);
    }
}

// Runs f, which is one step of an instance's life. An exception is an error of the config.
template <class F>
pk_status contained(const host& h, F f) noexcept {
    try {
        return f();
    } catch (const config_error& e) {
        h.error(e);
    } catch (const std::exception& e) {
        h.error({}, e.what());
    } catch (...) {
        h.error({}, "the plugin threw what is not a std::exception");
    }
    return PK_FAILED;
}

}  // namespace pk::detail
