#include "kernel/runtime/listener_store.hpp"

#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace pkernel::runtime {

std::string listener_store::key_of(const net::listen_spec& spec, std::string_view owner) {
    std::string key = net::to_text(spec.at);
    if (spec.any) key += " any";
    if (spec.at.family() != AF_UNIX && spec.at.port() == 0) (key += ' ').append(owner);
    return key;
}

listener_store::answer listener_store::open(const net::listen_spec& spec, std::string_view owner,
                                            unsigned count) {
    const std::string key = key_of(spec, owner);
    const auto known = held_.find(key);
    if (known == held_.end() && held_.size() >= addresses_max)
        return {nullptr, net::listen_step::socket, EMFILE};

    entry fresh;
    entry& e = known == held_.end() ? fresh : known->second;
    const bool is_unix = spec.at.family() == AF_UNIX;
    const std::size_t missing = count > e.sockets.size() ? count - e.sockets.size() : 0;
    if (missing > 0 && !(is_unix && !e.sockets.empty())) {
        auto opened = net::open_listeners(spec, static_cast<unsigned>(missing), e.sockets);
        if (opened.sockets.empty()) return {nullptr, opened.step, opened.error};
        for (auto& each : opened.sockets) e.sockets.push_back(std::move(each));
    }
    e.spec = spec;
    e.round = round_;
    const auto at = known != held_.end() ? known : held_.emplace(key, std::move(fresh)).first;
    return {&at->second.sockets};
}

void listener_store::close(const net::listen_spec& spec, std::string_view owner) {
    const auto found = held_.find(key_of(spec, owner));
    if (found == held_.end()) return;
    remove_file(found->second);
    held_.erase(found);
}

void listener_store::close_all() {
    for (const auto& [key, each] : held_) remove_file(each);
    held_.clear();
}

void listener_store::end_round() {
    std::erase_if(held_, [this](const auto& item) {
        const bool left_out = item.second.round != round_;
        if (left_out) remove_file(item.second);
        return left_out;
    });
}

void listener_store::remove_file(const entry& of) noexcept {
    if (of.spec.at.family() != AF_UNIX) return;
    ::unlink(reinterpret_cast<const sockaddr_un&>(of.spec.at.storage).sun_path);
}

}  // namespace pkernel::runtime
