// Options as the kernel would hand them over, read from flow text: "limit: 4, names: [a, b]".
//
// A reader for tests: it knows the types and checks of options.h, not YAML.

#pragma once

#include <pkernel/abi/options.h>

#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace pk::testing {

// A piece of flow text: `a`, `"a b"`, `[a, b]`, `{k: v}`.
struct flow {
    enum class kind { scalar, list, map } what = kind::scalar;
    std::string text;
    std::vector<std::string> keys;
    std::vector<flow> items;
};

// Text of a whole config: a map without braces, or one bare value. Throws std::runtime_error.
flow parse_flow(std::string_view text, bool at_top);

// A node of the plugin may be larger in a later kernel; ours is, so that strides are taken
// seriously.
struct wide_node : pk_node {
    std::uint64_t later[2] = {};
};

// The nodes of one instance, and all that they point to. Not movable: nodes point into it.
class option_tree {
public:
    // Throws std::runtime_error with the sentence that the kernel would print behind the position:
    // "limit: 0 is less than 1". `table` null: no options are taken.
    // `inner` are the handles of inner plugins by name.
    option_tree(const pk_option_table* table, std::string_view text,
                const std::map<std::string, const void*>& inner = {});
    option_tree(const option_tree&) = delete;

    const pk_node* root() const noexcept { return &root_; }
    // "limit", "rules.path"; empty for none of ours.
    std::string name_of(const pk_node* node) const;

private:
    void fill_table(const pk_option_table& table, const flow& from, wide_node& out,
                    const std::string& at);
    void fill(const pk_option& option, const flow& from, pk_node& out, const std::string& at);
    void fill_plugin(const flow& from, pk_node& out, const std::string& at);
    void fill_list(const pk_option& option, const flow& from, pk_node& out, const std::string& at);
    pk_str keep(std::string text);

    std::deque<std::string> texts_;
    std::deque<std::vector<wide_node>> nodes_;
    std::map<const pk_node*, std::string> names_;
    std::map<std::string, const void*> inner_;
    wide_node root_{};
};

// Reads one scalar of the type. Throws std::runtime_error with what is wrong with it.
void read_scalar(const pk_option& option, const std::string& text, pk_node& out);

}  // namespace pk::testing
