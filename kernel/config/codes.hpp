// The numbers of error[E0nnn]. They are stable: a number is never given another meaning.

#pragma once

#include <cstdint>

namespace pkernel::config {

// Hundreds tell the kind: 0 files and YAML, 1 structure, 2 values, 3 meaning, 4 plugins, 5 binding.
enum class code : std::uint16_t {
    file_unreadable = 1,
    not_utf8 = 2,
    yaml_syntax = 3,
    duplicate_key = 4,
    yaml_feature = 5,  // anchors, aliases, tags, directives
    too_deep = 6,
    file_too_large = 7,
    too_many_nodes = 8,
    second_document = 9,
    key_not_text = 10,
    top_not_map = 11,
    include_unreadable = 12,
    include_cycle = 13,
    include_depth = 14,
    expansion_unknown = 20,
    expansion_unset = 21,
    expansion_file = 22,
    expansion_open = 23,

    wrong_kind = 140,
    required_missing = 141,
    unknown_option = 142,
    no_value = 143,
    empty = 144,
    no_options = 145,
    plugin_form = 146,
    missing_space = 147,

    not_bool = 201,
    not_integer = 202,
    out_of_range = 204,
    not_choice = 205,
    not_size = 206,
    not_duration = 207,
    not_rate = 208,
    not_address = 209,
    not_cidr = 210,
    option_file = 212,
    not_field_name = 214,
    not_field_value = 215,
    not_status = 216,
    not_path = 217,

    endpoint_path = 301,
    endpoint_address = 302,
    unknown_upstream = 303,
    two_ends = 304,
    no_end = 305,
    duplicate_address = 306,
    duplicate_listener = 307,
    duplicate_route = 308,
    unused_upstream = 309,
    balancer_missing = 310,
    bad_host = 311,
    no_listeners = 312,
    no_routes = 313,
    no_endpoints = 314,
    unknown_listener = 315,
    bad_match = 316,
    bad_name = 317,
    listener_address = 318,
    duplicate_endpoint = 319,
    unreachable_route = 320,  // the router's
    upgrade_of_handler = 321,
    spill_directory = 322,
    useless_queue = 323,

    plugin_missing = 401,
    plugin_refused = 402,
    plugin_point = 403,
    plugin_option = 404,  // what an instance said through host->error
    plugin_depth = 405,
    plugin_table = 406,  // the plugin's own declaration is wrong
    plugin_order = 407,

    cannot_bind = 501,
    memory_too_small = 502,
};

}  // namespace pkernel::config
