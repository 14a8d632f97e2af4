// access_log: a line for each request, to a file or a standard stream.
//
// Each worker has a buffer of its own, written out when it is full enough and once a second.
// Nothing here waits: lines for which there is no room are dropped and counted.

#include <algorithm>
#include <pkernel/plugin.hpp>

#include "formats.hpp"
#include "output.hpp"

namespace {

enum class format { json, combined };

// [settings]
struct settings {
    std::string_view path = "/dev/stdout";
    format as = format::json;
    std::vector<std::string_view> fields = {"user-agent", "referer"};
    std::vector<std::string_view> redact_query;
    std::uint64_t buffer = 64 << 10;
};

constexpr auto schema = pk::schema<settings>(
    pk::path("path", &settings::path, "File, or /dev/stdout, or /dev/stderr; USR1 reopens it.")
        .main()
        .not_empty(),
    pk::choice("format", &settings::as, pk::words("json", "combined"), "How a line looks."),
    pk::list("fields", &settings::fields, pk::field_name(),
             "Request fields in a JSON line. Credentials are always redacted."),
    pk::list("redact_query", &settings::redact_query, pk::text(),
             "Query parameters whose values are not logged."),
    pk::byte_size("buffer", &settings::buffer, "A worker writes when it has so much.")
        .at_least(1 << 10)
        .at_most(16 << 20));
// [settings]

std::vector<pk::field_id> ids(const std::vector<std::string_view>& names) {
    std::vector<pk::field_id> all;
    for (std::string_view name : names) all.emplace_back(name);
    return all;
}

class access_log_writer {
public:
    access_log_writer(const settings& conf, const pk::host& h)
        : host_(h),
          clock_(h),
          dropped_(h, "dropped_lines", "Lines for which there was no room or that failed."),
          output_(std::string(conf.path)),
          as_(conf.as),
          wanted_{ids(conf.fields), access_log::query_names(conf.redact_query)},
          flush_size_(conf.buffer),
          workers_(std::make_unique<worker[]>(h.worker_count())) {
        for (std::uint32_t i = 0; i < h.worker_count(); ++i) {
            workers_[i].lines.reserve(flush_size_ + (16 << 10));
            workers_[i].scratch.reserve(8 << 10);
        }
    }

    // Says no while the config can still be mended, and makes no file.
    void validate() const {
        try {
            output_.check();
        } catch (const std::system_error& e) {
            throw pk::config_error("path", std::string("cannot open ") + e.what());
        }
    }

    void start() {
        try {
            output_.open();
        } catch (const std::system_error& e) {
            throw pk::config_error("path", std::string("cannot open ") + e.what());
        }
    }

    void reopen() {
        try {
            output_.open();
        } catch (const std::system_error& e) {
            const std::string why = std::string("goes on with the old file: ") + e.what();
            host_.log(PK_LOG_ERROR, why);
        }
    }

    void record(const pk_record& r) const {
        worker& w = workers_[r.worker];
        // Room for four buffers while the output is stuck; past that the newest lines are lost.
        if (w.lines.size() >= 4 * flush_size_) {
            flush(w);
            if (w.lines.size() >= 4 * flush_size_) return dropped_.add();
        }
        access_log::writer to{w.lines, w.scratch, w.time};
        if (as_ == format::json) {
            access_log::append_json_line(to, r, wanted_);
        } else {
            access_log::append_combined_line(to, r, wanted_);
        }
        ++w.count;
        if (w.lines.size() >= flush_size_) flush(w);
    }

    void tick(std::uint32_t index) const { flush(workers_[index]); }

    void worker_exit(std::uint32_t index) {
        worker& w = workers_[index];
        flush(w);
        if (!w.lines.empty()) dropped_.add(w.count);
    }

private:
    // Touched by its worker only.
    struct alignas(64) worker {
        std::string lines, scratch;
        std::int64_t count = 0;  // Lines in `lines`, some perhaps gone out.
        access_log::time_text time;
        std::chrono::nanoseconds complained{-3600'000'000'000};
    };

    void flush(worker& w) const {
        if (w.lines.empty()) return;
        switch (output_.write(w.lines)) {
            case access_log::output::result::all:
                w.count = 0;
                return;
            case access_log::output::result::some:
                w.count = std::count(w.lines.begin(), w.lines.end(), '\n');
                return;
            case access_log::output::result::failed:
                complain(w, errno);
                return;
        }
    }

    // One line a minute, whatever the disk does.
    void complain(worker& w, int error) const {
        dropped_.add(w.count);
        w.lines.clear();
        w.count = 0;
        if (clock_.now() - w.complained < std::chrono::minutes(1)) return;
        w.complained = clock_.now();
        pk::fixed_text<256> line;
        line << "lines are lost: " << std::string_view(std::strerror(error));
        host_.log(PK_LOG_ERROR, line);
    }

    const pk::host host_;
    const pk::clock clock_;
    const pk::counter dropped_;
    mutable access_log::output output_;
    const format as_;
    const access_log::wanted wanted_;
    const std::uint64_t flush_size_;
    const std::unique_ptr<worker[]> workers_;
};

}  // namespace

PKERNEL_PLUGIN("access_log", "1.0.0", "Writes a line for each request.",
               pk::log<access_log_writer, schema>);
