// A tunnel of the protocol "chat": requests that name nobody are sent away.

#include <pkernel/plugin.hpp>
#include <span>

namespace {

class chat {
public:
    std::span<const pk_str> protocols() const {
        static constexpr pk_str all[] = {pk::str("chat")};
        return all;
    }

    pk::verdict on_judge(pk::stream& s) const {
        return s.request_fields().contains("x-name") ? pk::next : s.reply(403, "who are you?\n");
    }
};

}  // namespace

PKERNEL_PLUGIN("chat", "1.0.0", "Lets chats through.", pk::tunnel<chat>);
