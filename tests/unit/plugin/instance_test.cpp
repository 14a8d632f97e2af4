// The life of instances, told by a plugin whose every function reports to the test and answers as
// it says.

#include "kernel/plugin/instance.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <functional>
#include <map>

#include "kernel/config/value.hpp"
#include "pkernel/abi/clock.h"
#include "tests/unit/plugin/workbench.hpp"

using namespace pkernel;
using namespace pkernel::plugin;
using namespace pkernel::plugin::testing;

namespace {

// What scripted.so reports, and what it is to answer.
struct script {
    std::string heard;                        // "create validate ..."
    std::map<std::string, pk_status> answer;  // Else PK_OK.
    std::function<void(const pk_host*, const pk_node*)> in_create = [](auto...) {};
    std::function<void()> in_any = [] {};
};
script* playing = nullptr;

pk_status called(const pk_host* host, const char* what, const pk_node* options) {
    playing->heard += (playing->heard.empty() ? "" : " ") + std::string(what);
    if (what == std::string_view("create")) playing->in_create(host, options);
    playing->in_any();
    if (playing->answer[what] == 99) throw 99;
    return playing->answer[what];
}

struct script_service {
    std::uint32_t size, reserved;
    pk_status (*called)(const pk_host*, const char*, const pk_node*);
};
const script_service service{sizeof(script_service), 0, &called};

std::vector<std::string> lines;
void keep_line(int, std::string_view line) {
    lines.emplace_back(line);
}

struct fixture : workbench, script {
    fixture() {
        playing = this;
        lines.clear();
        plugins.put_sample("scripted");
        all.provide("test.script/1", &service);
        all.set_log_sink(&keep_line);
    }

    static std::shared_ptr<config::plugin_use> use(std::string canonical = "") {
        return own_use(std::move(canonical));
    }
    static std::unique_ptr<config::plugin_use> own_use(std::string canonical = "") {
        auto u = std::make_unique<config::plugin_use>();
        u->name = "scripted";
        u->point = "test.point/1";
        u->owner = "route api";
        u->at = {"pk.yaml", 7, 9, 8};
        u->canonical = std::move(canonical);
        u->identity = config::digest_of(u->canonical);
        return u;
    }

    std::shared_ptr<instance> created(use_ptr u = use()) {
        return instance::create(std::move(u), names, all, out);
    }

    // The only error so far, as "LINE:COLUMN message".
    std::string error() const {
        BOOST_REQUIRE(out.errors() == 1u);
        const auto sorted = out.sorted();
        const auto d = *std::find_if(sorted.begin(), sorted.end(), [](const auto& x) {
            return x.level == config::severity::error;
        });
        return std::to_string(d.at.line) + ":" + std::to_string(d.at.column) + " " + d.message;
    }

    services all{2};
    loader files = make();
    catalog names{files};
    config::diagnostics out;
};

pk_str text(const char* s) {
    return {s, std::strlen(s)};
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(instances, fixture)

BOOST_AUTO_TEST_CASE(live_in_order) {
    auto i = created();
    BOOST_REQUIRE(i);
    BOOST_TEST(i->label() == "scripted on route api");
    BOOST_TEST(i->validate(out));
    BOOST_TEST(i->start(out));
    for (const std::uint32_t worker : {0u, 1u}) BOOST_TEST(i->worker_init(worker));
    for (const std::uint32_t worker : {0u, 1u}) i->worker_exit(worker);
    i->worker_exit(1);  // Already out: nothing.
    i->stop();
    i->stop();
    i.reset();
    BOOST_TEST(heard == "create validate start init 0 init 1 exit 0 exit 1 stop destroy");
    BOOST_TEST(out.errors() == 0u);
}

BOOST_AUTO_TEST_CASE(that_were_not_started_are_not_stopped) {
    created().reset();
    BOOST_TEST(heard == "create destroy");
    heard.clear();
    created()->validate(out);
    BOOST_TEST(heard == "create validate destroy");
}

BOOST_AUTO_TEST_CASE(that_are_let_go_while_started_are_stopped) {
    auto i = created();
    BOOST_TEST((i->validate(out) && i->start(out)));
    i.reset();
    BOOST_TEST(heard == "create validate start stop destroy");
}

BOOST_AUTO_TEST_CASE(that_fail_to_be_created_leave_nothing) {
    answer["create"] = PK_FAILED;
    BOOST_TEST(!created());
    BOOST_TEST(heard == "create");
    BOOST_TEST(error() == "7:9 scripted: create failed and gave no reason (status 6)");
    BOOST_TEST(int(out.exit()) == 1);
}

BOOST_AUTO_TEST_CASE(report_errors_where_the_option_stands) {
    answer["create"] = PK_FAILED;
    in_create = [](const pk_host* host, const pk_node*) {
        config::value node{};
        node.file = text("pk.yaml");
        node.line = 12;
        node.column = 3;
        host->error(host, &node, text("the key is too short"));
        host->warning(host, nullptr, text("and old"));
    };
    BOOST_TEST(!created());
    BOOST_TEST(error() == "12:3 scripted: the key is too short");
    BOOST_TEST(out.warnings() == 1u);
}

BOOST_AUTO_TEST_CASE(that_report_an_error_have_failed_whatever_they_return) {
    in_create = [](const pk_host* host, const pk_node*) { host->error(host, nullptr, text("no")); };
    BOOST_TEST(!created());
    BOOST_TEST(heard == "create destroy");
    BOOST_TEST(error() == "7:9 scripted: no");
}

BOOST_AUTO_TEST_CASE(that_fail_to_validate_or_start_are_destroyed) {
    answer["validate"] = PK_INVALID;
    BOOST_TEST(!created()->validate(out));
    BOOST_TEST(heard == "create validate destroy");
    heard.clear();
    answer["validate"] = PK_OK;
    answer["start"] = PK_INVALID;
    auto i = created();
    BOOST_TEST((i->validate(out) && !i->start(out)));
    i.reset();
    BOOST_TEST(heard == "create validate start destroy");
    BOOST_TEST(out.errors() == 2u);
}

BOOST_AUTO_TEST_CASE(that_throw_have_failed) {
    answer["create"] = 99;
    BOOST_TEST(!created());
    BOOST_TEST(error() == "7:9 scripted: create threw an exception");
    answer.clear();
    answer["destroy"] = 99;
    created().reset();
}

BOOST_AUTO_TEST_CASE(whose_worker_fails_to_begin_do_not_exit_there) {
    answer["init 1"] = PK_FAILED;
    auto i = created();
    BOOST_TEST((i->validate(out) && i->start(out)));
    BOOST_TEST(i->worker_init(0));
    BOOST_TEST(!i->worker_init(1));
    i->worker_exit(1);
    i->worker_exit(0);
    i.reset();
    BOOST_TEST(heard == "create validate start init 0 init 1 exit 0 stop destroy");
    BOOST_TEST(lines.back() ==
               "scripted on route api: worker_init failed and gave no reason (status 6)");
}

BOOST_AUTO_TEST_CASE(of_a_plugin_that_is_missing_or_of_another_kind_are_refused) {
    auto u = use();
    u->name = "scriptad";
    BOOST_TEST(!created(u));
    const auto d = out.sorted().front();
    BOOST_TEST(relative(d.message) == "'scriptad' needs plugins/scriptad.so, which is not in DIR");
    BOOST_TEST(d.hint == "did you mean 'scripted'?");
    BOOST_TEST(int(out.exit()) == 3);
}

BOOST_AUTO_TEST_CASE(keep_their_file_mapped) {
    auto i = created();
    const auto copy = "scripted-" + i->file().hash();
    {
        catalog other(files);
        other.find("scripted", "test.point/1");
    }
    BOOST_TEST(mapped(copy) > 0);
    BOOST_TEST(i->validate(out));
}

BOOST_AUTO_TEST_CASE(end_on_the_thread_that_the_runtime_chooses) {
    instance* last = nullptr;
    all.set_retire([&](instance* i) { last = i; });
    created().reset();
    BOOST_TEST(heard == "create");
    delete last;
    BOOST_TEST(heard == "create destroy");
}

BOOST_AUTO_TEST_CASE(are_named_before_they_run_and_marked_while_they_run) {
    marker_slot slots[3];
    all.set_markers(slots);
    std::map<std::uint32_t, std::string> called_by;
    all.set_naming([&](std::uint32_t n, std::string_view label) { called_by[n] = label; });
    std::string blamed;
    in_any = [&] { blamed = called_by[slots[thread_index].running]; };
    const auto i = created();
    BOOST_TEST(blamed == "scripted on route api");
    BOOST_TEST(slots[0].running == 0u);
    const call_marker outer(slots[0], i->number());
    { const call_marker inner(slots[0], 77); }
    BOOST_TEST(slots[0].running == i->number());
}

BOOST_AUTO_TEST_CASE(inside_others_begin_before_and_end_after_them) {
    auto u = use();
    auto node = std::make_unique<pk_node>();
    node->type = PK_OPT_PLUGIN;
    u->options = node.get();
    auto inner = own_use();
    inner->owner = "route api scripted";
    u->inner.push_back({std::move(inner), node.get()});
    all.set_handle_maker("test.point/1", [](instance& i) {
        return std::make_shared<std::string>("handle of " + i.label());
    });
    std::string handle;
    in_create = [&](const pk_host*, const pk_node* options) {
        if (options) handle = *static_cast<const std::string*>(options->handle);
    };
    auto i = created(u);
    BOOST_REQUIRE(i);
    BOOST_TEST(handle == "handle of scripted on route api scripted");
    BOOST_TEST((i->validate(out) && i->start(out) && i->worker_init(0)));
    i->worker_exit(0);
    u.reset();
    i.reset();
    BOOST_TEST(heard ==
               "create create validate validate start start init 0 init 0 exit 0 exit 0 "
               "stop stop destroy destroy");
}

BOOST_AUTO_TEST_CASE(cannot_stand_inside_others_where_no_handle_is_made) {
    auto u = use();
    pk_node node{};
    u->inner.push_back({own_use(), &node});
    BOOST_TEST(!created(u));
    BOOST_TEST(heard == "");
    BOOST_TEST(error() == "7:9 this kernel cannot put a test.point/1 inside another plugin");
}

BOOST_AUTO_TEST_CASE(take_over_state) {
    auto old = created();
    auto fresh = created();
    heard.clear();
    BOOST_TEST(fresh->import_from(*old, out));
    BOOST_TEST(heard == "export import");
    answer["import"] = PK_FAILED;
    auto third = created();
    BOOST_TEST(!third->import_from(*old, out));
    BOOST_TEST(error() ==
               "7:9 scripted: import of its predecessor's state failed and gave no reason "
               "(status 6)");
}

BOOST_AUTO_TEST_CASE(serve_on_when_nothing_of_theirs_changed) {
    plugins.put("words.txt", "old");
    const auto words = plugins / "words.txt";
    in_create = [&](const pk_host* host, const pk_node*) {
        host->depends_on(host, {words.data(), words.size()});
    };
    const auto i = created(use("limit: 1"));
    BOOST_TEST(i->serves_as(*use("limit: 1"), names));
    BOOST_TEST(!i->serves_as(*use("limit: 2"), names));
    plugins.put("words.txt", "new");
    BOOST_TEST(!i->serves_as(*use("limit: 1"), names));
    plugins.put("words.txt", "old");
    plugins.put("scripted.so", read_file(sample_path("scripted")) + "changed");
    BOOST_TEST(i->serves_as(*use("limit: 1"), names));
    const catalog next(files);
    BOOST_TEST(!i->serves_as(*use("limit: 1"), next));
}

BOOST_AUTO_TEST_CASE(have_a_logger_a_clock_and_metrics) {
    all.set_time({[]() -> std::uint64_t { return 42; }, []() -> std::uint64_t { return 43; }});
    std::uint32_t hits = 0;
    in_create = [&](const pk_host* host, const pk_node*) {
        const auto* log = static_cast<const pk_logger*>(host->get(host, text(PK_LOGGER_ID)));
        BOOST_TEST(log->enabled(host, PK_LOG_DEBUG) == 0u);
        log->write(host, PK_LOG_DEBUG, text("unheard"));
        log->write(host, PK_LOG_INFO, text("line\nforged \x1b[31m\\"));
        const auto* clock = static_cast<const pk_clock*>(host->get(host, text(PK_CLOCK_ID)));
        BOOST_TEST(clock->now(host) == 42u);
        BOOST_TEST(clock->unix_ns(host) == 43u);
        const auto* m = static_cast<const pk_metrics*>(host->get(host, text(PK_METRICS_ID)));
        BOOST_TEST(m->define(host, PK_COUNTER, text("hits"), text("Hits."), &hits) == 0u);
        m->add(host, hits, 3);
        BOOST_TEST(host->get(host, text("test.unknown/1")) == nullptr);
        BOOST_TEST(host->worker_count == 2u);
    };
    const auto i = created();
    BOOST_REQUIRE(lines.size() == 1u);
    BOOST_TEST(lines[0] == "scripted on route api: line\\x0aforged \\x1b[31m\\\\");
    BOOST_TEST(all.metrics().read().at(0).value == 3);
    const auto* m = static_cast<const pk_metrics*>(all.find(PK_METRICS_ID));
    BOOST_TEST(m->define(i->host_api(), PK_COUNTER, text("late"), text(""), &hits) ==
               pk_status{PK_WRONG_STATE});
}

BOOST_AUTO_TEST_CASE(whose_lines_are_long_are_cut) {
    all.log(PK_LOG_ERROR, "x", std::string(5000, 'a'));
    BOOST_TEST(lines.back().size() == 4096u);
    BOOST_TEST(lines.back().ends_with("aaa..."));
}

BOOST_AUTO_TEST_CASE(that_complain_too_late_are_heard_in_the_log) {
    const auto i = created();
    i->host_api()->error(i->host_api(), nullptr, text("much too late"));
    BOOST_TEST(out.errors() == 0u);
    BOOST_TEST(lines.back() == "scripted on route api: much too late");
}

BOOST_AUTO_TEST_SUITE_END()
