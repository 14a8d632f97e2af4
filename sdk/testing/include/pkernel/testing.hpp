// The fake host: drives a built plugin through the C ABI, in the kernel's place, without sockets
// and with a clock that the test turns.
//
//   plugin_under_test plugin("limit: 4B");             // Loads the .so, reads options, starts.
//
//   auto ex = plugin.post("content-length: 4");        // A request that is yet to be played.
//
//   BOOST_TEST(ex.head().passes());                    // request_headers
//
//   BOOST_TEST(ex.body("abcde").status() == 413);      // request_data
//
// It keeps the contract of the headers to the letter, and whoever breaks it is named: violations()
// says "plugin: ..." or "test: ..."; one that no test took ends the program.

#pragma once

#include <pkernel/testing/attempt.hpp>
#include <pkernel/testing/balancer.hpp>
#include <pkernel/testing/codec.hpp>
#include <pkernel/testing/discovery.hpp>
#include <pkernel/testing/exchange.hpp>
#include <pkernel/testing/health.hpp>
#include <pkernel/testing/host.hpp>
#include <pkernel/testing/log.hpp>
#include <pkernel/testing/plugin.hpp>
#include <pkernel/testing/transport.hpp>
