#include "kernel/plugin/instance.hpp"

#include <algorithm>
#include <exception>

#include "kernel/base/check.hpp"

namespace pkernel::plugin {
namespace {

// Not of the ABI: the plugin let a C++ exception out.
constexpr pk_status threw = ~pk_status{0};

std::string why_text(pk_status status) {
    if (status == threw) return "threw an exception";
    return "failed and gave no reason (status " + std::to_string(status) + ")";
}

void report_refusal(const config::plugin_use& use, const refusal& why, config::diagnostics& out) {
    config::diagnostic d;
    d.number = config::code::plugin_refused;
    d.at = use.at;
    d.message = why.sentence;
    d.hint = why.hint;
    d.exit = config::exit_class::plugin;
    out.add(std::move(d));
}

}  // namespace

instance::instance(use_ptr use, file_ptr file, const offer& o, services& all)
    : use_(std::move(use)),
      file_(std::move(file)),
      offer_(o),
      services_(all),
      number_(all.next_number()),
      host_(all, *use_),
      inside_(all.worker_count()) {
    services_.name(number_, label());
}

// Every call into the plugin's code but those of the data path goes through here.
template <class Call>
pk_status instance::guarded(Call&& call) noexcept {
    const call_marker mark(services_.marker(), number_);
    try {
        return call(offer_.factory);
    } catch (...) {
        return threw;
    }
}

// A call that may report errors. It has failed if it says so or has reported one.
template <class Call>
bool instance::attempt(const char* what, config::diagnostics& out, bool creating, Call&& call) {
    const host::listening heard(host_, out, creating);
    const pk_status status = guarded(call);
    if (status == PK_OK && heard.errors() == 0) return true;
    if (heard.errors() == 0) {
        host_.report(config::severity::error, nullptr, what + (" " + why_text(status)));
    }
    return false;
}

std::shared_ptr<instance> instance::create(use_ptr use, const catalog& plugins, services& all,
                                           config::diagnostics& out) {
    auto file = plugins.load(use->name);
    if (!file.has_value()) {
        report_refusal(*use, file.error(), out);
        return {};
    }
    const auto o = (*file)->at(use->point);
    if (!o.has_value()) {
        report_refusal(*use, o.error(), out);
        return {};
    }
    std::shared_ptr<instance> made(new instance(std::move(use), std::move(*file), *o, all),
                                   [&all](instance* i) { all.retire(i); });
    if (!made->create_inner(plugins, out) || !made->create_self(out)) return {};
    return made;
}

bool instance::create_inner(const catalog& plugins, config::diagnostics& out) {
    bool good = true;
    for (const auto& entry : use_->inner) {
        if (!entry.use->built_in) good = add_inner(entry, plugins, out) && good;
    }
    return good;
}

bool instance::add_inner(const config::plugin_use::inner_use& entry, const catalog& plugins,
                         config::diagnostics& out) {
    const auto* maker = services_.find_handle_maker(entry.use->point);
    if (!maker) {
        report_refusal(
            *entry.use,
            refuse("this kernel cannot put a " + entry.use->point + " inside another plugin"), out);
        return false;
    }
    const use_ptr shared(use_, entry.use.get());  // The outer use owns it.
    auto made = create(shared, plugins, services_, out);
    if (!made) return false;
    handles_.push_back((*maker)(*made));
    entry.node->handle = handles_.back().get();
    inner_.push_back(std::move(made));
    return true;
}

bool instance::create_self(config::diagnostics& out) {
    void* self = nullptr;
    pk_status status = PK_FAILED;
    const bool good = attempt("create", out, true, [&](const pk_factory& f) {
        return status = f.create(&host_, use_->options, &self);
    });
    if (status == PK_OK) {  // Made, even if it reported errors: then the destructor ends it.
        self_ = self;
        state_ = state::created;
    }
    return good;
}

bool instance::prepare(pk_status (*step)(void*, std::uint32_t), std::uint32_t argument,
                       config::diagnostics& out) {
    PK_CHECK(state_ == state::created);
    return attempt("prepare", out, false, [&](const pk_factory&) { return step(self_, argument); });
}

bool instance::import_from(instance& predecessor, config::diagnostics& out) {
    PK_CHECK(state_ == state::created);
    for (std::size_t i = 0; i < std::min(inner_.size(), predecessor.inner_.size()); ++i) {
        auto& before = *predecessor.inner_[i];
        if (inner_[i]->use_->name == before.use_->name && !inner_[i]->import_from(before, out)) {
            return false;
        }
    }
    return import_self(predecessor, out);
}

bool instance::import_self(instance& predecessor, config::diagnostics& out) {
    if (!offer_.factory.import_state || !predecessor.offer_.factory.export_state) return true;
    std::uint32_t version = 0;
    pk_str bytes{};
    const pk_status exported = predecessor.guarded(
        [&](const pk_factory& f) { return f.export_state(predecessor.self_, &version, &bytes); });
    if (exported != PK_OK) {
        host_.all().log(PK_LOG_WARNING, label(), "its predecessor could not hand over its state");
        return true;
    }
    return attempt("import of its predecessor's state", out, false,
                   [&](const pk_factory& f) { return f.import_state(self_, version, bytes); });
}

bool instance::validate(config::diagnostics& out) {
    PK_CHECK(state_ == state::created);
    bool good = true;
    for (auto& i : inner_) good = i->validate(out) && good;
    if (offer_.factory.validate) {
        const auto call = [&](const pk_factory& f) { return f.validate(self_); };
        good = attempt("validate", out, false, call) && good;
    }
    if (good) state_ = state::validated;
    return good;
}

bool instance::start(config::diagnostics& out) {
    PK_CHECK(state_ == state::validated);
    for (auto& i : inner_) {
        if (!i->start(out)) return false;
    }
    if (offer_.factory.start) {
        const auto call = [&](const pk_factory& f) { return f.start(self_); };
        if (!attempt("start", out, false, call)) return false;
    }
    state_ = state::started;
    return true;
}

bool instance::worker_init(std::uint32_t worker) {
    PK_CHECK(state_ == state::started && !inside_.at(worker));
    for (std::size_t i = 0; i < inner_.size(); ++i) {
        if (inner_[i]->worker_init(worker)) continue;
        while (i > 0) inner_[--i]->worker_exit(worker);
        return false;
    }
    if (offer_.factory.worker_init) {
        const pk_status status =
            guarded([&](const pk_factory& f) { return f.worker_init(self_, worker); });
        if (status != PK_OK) {
            services_.log(PK_LOG_ERROR, label(), "worker_init " + why_text(status));
            for (auto i = inner_.rbegin(); i != inner_.rend(); ++i) (*i)->worker_exit(worker);
            return false;
        }
    }
    inside_[worker] = 1;
    return true;
}

void instance::worker_exit(std::uint32_t worker) {
    if (!inside_.at(worker)) return;
    inside_[worker] = 0;
    if (offer_.factory.worker_exit) {
        guarded([&](const pk_factory& f) { return f.worker_exit(self_, worker), PK_OK; });
    }
    for (auto i = inner_.rbegin(); i != inner_.rend(); ++i) (*i)->worker_exit(worker);
}

void instance::stop() {
    PK_CHECK(std::none_of(inside_.begin(), inside_.end(), [](char c) { return c != 0; }));
    const bool running = state_ == state::started;
    if (running) state_ = state::stopped;
    if (running && offer_.factory.stop) {
        guarded([&](const pk_factory& f) { return f.stop(self_), PK_OK; });
    }
    for (auto i = inner_.rbegin(); i != inner_.rend(); ++i) (*i)->stop();
}

instance::~instance() {
    stop();
    if (state_ != state::made) {
        guarded([&](const pk_factory& f) { return f.destroy(self_), PK_OK; });
    }
    handles_.clear();
    while (!inner_.empty()) inner_.pop_back();
    services_.give_back(number_);
}

bool instance::serves_as(const config::plugin_use& next, const catalog& next_plugins) const {
    const auto file = next_plugins.load(next.name);
    if (!file.has_value() || (*file)->hash() != file_->hash()) return false;
    if (!config::same_instance(*use_, next)) return false;
    for (const auto& d : host_.dependencies()) {
        if (!(host::content_of(d.path) == d.content)) return false;
    }
    std::size_t at = 0;
    for (const auto& entry : next.inner) {
        if (entry.use->built_in) continue;
        if (at == inner_.size() || !inner_[at++]->serves_as(*entry.use, next_plugins)) return false;
    }
    return at == inner_.size();
}

}  // namespace pkernel::plugin
