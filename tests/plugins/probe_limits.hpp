// What a plugin can ask for many times at once: how often the host says yes.

#pragma once

#include <pkernel/plugin.hpp>
#include <pkernel/services.hpp>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace probe {

// Takes its time, so that a test can choose.
struct job {
    std::string text;
    void run() {
        std::this_thread::sleep_for(std::chrono::milliseconds(10) * text.size());
        for (char& c : text) c = pk::lower(c);
    }
};

// Jobs that wait until all of them have been asked for, so that none leaves the queue too early.
struct gate {
    std::mutex mutex;
    std::condition_variable opened;
    bool open = false;

    void wait() {
        std::unique_lock hold(mutex);
        opened.wait(hold, [this] { return open; });
    }
    void let_go() {
        {
            const std::lock_guard hold(mutex);
            open = true;
        }
        opened.notify_all();
    }
};

struct gated_job {
    explicit gated_job(std::shared_ptr<gate> g) : at(std::move(g)) {}
    std::shared_ptr<gate> at;
    void run() { at->wait(); }
};

// Detached requests to `target` until the host says no, and what it then says.
inline std::string flood_subrequests(const pk_subrequest_service& subs, pk_stream* s,
                                     std::string_view target, std::uint32_t flags) {
    pk_subrequest r{};
    r.size = sizeof r;
    r.method = pk::str("GET");
    r.target = pk::str(target);
    r.flags = flags;
    r.timeout_ns = 300'000'000;
    r.end = [](pk_stream*, void*, std::uint32_t, pk_field_view) {};
    std::uint64_t id = 0;
    for (std::uint32_t n = 0; n < 5000; ++n) {
        const auto answer = subs.start(s, &r, &id);
        if (answer != PK_OK) return std::to_string(n) + "/" + std::to_string(answer);
    }
    return "no end";
}

// A piece of the plugin's own memory; the log tells when the host lets go of it.
struct owned_piece {
    std::string bytes;
    pk::host host;

    static void unused(void* arg) {
        const std::unique_ptr<owned_piece> p(static_cast<owned_piece*>(arg));
        p->host.log(PK_LOG_INFO, "unused " + std::to_string(p->bytes.size()));
    }
};

// Each slice from memory of our own. How much was taken.
inline std::uint64_t emit_owned(pk::stream& s, pk::direction d, pk::data bytes,
                                const pk::host& host) {
    std::uint64_t taken = 0;
    for (std::string_view part : bytes) {
        auto piece = std::make_unique<owned_piece>(owned_piece{std::string(part), host});
        if (s.emit_owned(d, piece->bytes, &owned_piece::unused, piece.get()) != PK_OK) break;
        static_cast<void>(piece.release());  // The host's, until it calls unused.
        taken += part.size();
    }
    return taken;
}

// Slices of data events that are kept past the callback.
class held_slices {
public:
    // As many as the host lets be kept; the rest is dropped, and `seen` says so.
    std::uint64_t take(pk::stream& s, pk::data bytes, std::string& seen) {
        for (auto at = bytes.begin(); at != bytes.end(); ++at) {
            if (s.retain(at.slice()) == PK_OK) {
                all_.push_back(at.slice());
            } else if (seen.find(" full") == std::string::npos) {
                seen += " full";
            }
        }
        return bytes.size();
    }

    bool give(pk::stream& s, pk::direction d) {
        const pk_slice_view all{all_.data(), static_cast<std::uint32_t>(all_.size()),
                                sizeof(pk_slice)};
        if (s.emit(d, pk::data(all)) != PK_OK) return false;
        for (const pk_slice& slice : all_) s.release(slice);
        return true;
    }

private:
    std::vector<pk_slice> all_;
};

}  // namespace probe
