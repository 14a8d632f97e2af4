// Everything that a plugin needs: include this, write a class, end with PKERNEL_PLUGIN.
//
//   PKERNEL_PLUGIN("max_body", "1.0.0", "Limits the size of request bodies.",
//                  pk::http_filter<max_body, schema>)
//
// Several extension points may stand one after the other. The name is the file's without ".so".
// Exceptions end at the boundary: the request at hand gets 500, a config is refused with the text.

#pragma once

#include <pkernel/attempt.hpp>
#include <pkernel/balancer.hpp>
#include <pkernel/codec.hpp>
#include <pkernel/detail/note_section.hpp>
#include <pkernel/discovery.hpp>
#include <pkernel/handler.hpp>
#include <pkernel/health.hpp>
#include <pkernel/http_filter.hpp>
#include <pkernel/log.hpp>
#include <pkernel/services.hpp>
#include <pkernel/transport.hpp>
#include <pkernel/tunnel.hpp>

#ifndef PKERNEL_PLUGIN_LICENCE
#define PKERNEL_PLUGIN_LICENCE "Apache-2.0"
#endif

// Linked into one file with others, a plugin's entry carries its name, and the note is left out.
#ifdef PKERNEL_STATIC_PLUGIN
#define PKERNEL_JOINED_(a, b) a##b
#define PKERNEL_JOINED(a, b) PKERNEL_JOINED_(a, b)
#define PKERNEL_ENTRY PKERNEL_JOINED(pk_plugin_entry_, PKERNEL_STATIC_PLUGIN)
#define PKERNEL_NOTE(...)
#else
#define PKERNEL_ENTRY pk_plugin_entry
#define PKERNEL_NOTE(name, version, ...)                                 \
    [[gnu::section(".note.pkernel"), gnu::used, gnu::retain]] alignas(4) \
        const constinit pk_note_section pkernel_note =                   \
            pk::detail::make_note<__VA_ARGS__>(name, version);
#endif

#define PKERNEL_PLUGIN(plugin_name, plugin_version, plugin_summary, ...)                   \
    namespace {                                                                            \
    PKERNEL_NOTE(plugin_name, plugin_version, __VA_ARGS__)                                 \
    }                                                                                      \
    extern "C" [[gnu::visibility("default")]] const pk_plugin* PKERNEL_ENTRY() {           \
        static constexpr pk_plugin plugin{                                                 \
            sizeof(pk_plugin),                                                             \
            PKERNEL_ABI_MAJOR,                                                             \
            PKERNEL_ABI_MINOR,                                                             \
            0,                                                                             \
            pk::str(plugin_name),                                                          \
            pk::str(plugin_version),                                                       \
            pk::str(plugin_summary),                                                       \
            pk::str(PKERNEL_PLUGIN_LICENCE),                                               \
            [](pk_str id) { return pk::detail::table_by_id<__VA_ARGS__>(pk::view(id)); }}; \
        return &plugin;                                                                    \
    }                                                                                      \
    static_assert(true, "a semicolon may follow")
