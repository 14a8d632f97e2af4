#include "kernel/runtime/engine_user.hpp"

#include "kernel/config/include.hpp"

namespace pkernel::runtime {

engine_user engine_user_of(const std::string& config_file) {
    engine_user out;
    config::process_environment outside;
    const auto tree = config::read_tree(config_file, outside, out.problems);
    const config::node* given = tree ? tree->find("user") : nullptr;
    out.named = given != nullptr && given->kind == config::node_kind::scalar;
    out.name = out.named ? given->text : default_user;
    if (out.named) out.at = given->at;
    out.who = find_account(out.name);
    return out;
}

}  // namespace pkernel::runtime
