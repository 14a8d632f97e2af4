// A filter that breaks the contract in the way that the request's path names.

#include <pkernel/plugin.hpp>
#include <string>
#include <thread>

namespace {

class misdeeds {
public:
    pk::verdict on_request(pk::stream& s) const {
        const std::string_view path = s.request().path();
        if (path == "/done") return pk::done;
        if (path == "/collect") return pk::verdict::collect;
        if (path == "/verdict") return static_cast<pk::verdict>(99);
        if (path == "/thread") {
            std::thread([&s] { static_cast<void>(s.status()); }).join();
        }
        if (path == "/allocate") heap_ = std::make_unique<std::string>(1000, 'x');
        if (path == "/emit") {
            if (s.transform(pk::direction::request) != PK_OK) return pk::done;
            if (s.emit(pk::direction::request, std::string((256 << 10) + 1, 'x')) != PK_OK) {
                return pk::next;
            }
        }
        return pk::next;
    }

    std::uint64_t on_request_data(pk::stream& s, pk::data chunk) const {
        const std::string_view path = s.request().path();
        if (path == "/retain" && s.retain(chunk.begin().slice()) != PK_OK) return 0;
        if (path == "/release") s.release(chunk.begin().slice());
        return chunk.size() + (path == "/greedy" ? 1 : 0);
    }

private:
    mutable std::unique_ptr<std::string> heap_;
};

}  // namespace

PKERNEL_PLUGIN("misdeeds", "1.0.0", "Breaks the contract.", pk::http_filter<misdeeds>);
