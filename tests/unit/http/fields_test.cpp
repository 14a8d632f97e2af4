// The array of fields: order, lookup by id and by name, removal, replacement.

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cctype>
#include <set>
#include <string>

#include "kernel/http/fields.hpp"

using namespace pkernel;
using namespace pkernel::http;

namespace {

struct rig {
    base::block_pool pool;
    base::arena arena{pool};
    fields all{arena};

    std::string text() const {
        std::string out;
        for (const pk_field& f : all)
            out.append(to_view(f.name)).append("=").append(to_view(f.value)).append(" ");
        return out;
    }
};

std::string upper(std::string_view s) {
    std::string out(s);
    for (char& c : out) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return out;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(fields_, rig)

BOOST_AUTO_TEST_CASE(every_known_name_has_its_id_in_any_case) {
    for (std::uint32_t id = 1; id < PK_FIELD_COUNT; ++id) {
        const auto name = field_name(id);
        BOOST_TEST(field_id(name) == id);
        BOOST_TEST(field_id(upper(name)) == id);
    }
    BOOST_TEST(field_name(PK_FIELD_OTHER).empty());
    BOOST_TEST(field_name(PK_FIELD_COUNT).empty());
}

BOOST_AUTO_TEST_CASE(a_name_one_byte_off_has_no_id) {
    std::set<std::string> known;
    for (std::uint32_t id = 1; id < PK_FIELD_COUNT; ++id) known.insert(upper(field_name(id)));
    for (std::uint32_t id = 1; id < PK_FIELD_COUNT; ++id) {
        const std::string name(field_name(id));
        BOOST_TEST(field_id(name + "s") == PK_FIELD_OTHER);
        for (std::size_t at = 0; at < name.size(); ++at)
            for (int byte = 0; byte < 256; ++byte) {
                std::string other = name;
                other[at] = static_cast<char>(byte);
                const bool found = field_id(other) != PK_FIELD_OTHER;
                if (found != known.contains(upper(other)))
                    BOOST_ERROR(name << " " << at << " " << byte);
            }
    }
    for (const std::string& name : {std::string(), std::string("x"), std::string(1000, 'a')})
        BOOST_TEST(field_id(name) == PK_FIELD_OTHER);
}

BOOST_AUTO_TEST_CASE(keeps_order_and_spelling) {
    all.append("x-B", "1");
    all.append("HOST", "a");
    all.append("X-b", "2");
    BOOST_TEST(text() == "x-B=1 HOST=a X-b=2 ");
    BOOST_TEST(all.view().count == 3u);
    BOOST_TEST(all.view().stride == sizeof(pk_field));
}

BOOST_AUTO_TEST_CASE(finds_by_id_and_by_name_from_a_place_on) {
    BOOST_TEST(!all.find(PK_FIELD_HOST));
    BOOST_TEST(!all.find("x"));
    all.append("X", "1");
    all.append("Set-Cookie", "a");
    all.append("x", "2");
    all.append("set-cookie", "b");
    BOOST_TEST(all.find(PK_FIELD_SET_COOKIE) == &all[1]);
    BOOST_TEST(all.find(PK_FIELD_SET_COOKIE, 2) == &all[3]);
    BOOST_TEST(!all.find(PK_FIELD_SET_COOKIE, 4));
    BOOST_TEST(all.find("SET-COOKIE") == &all[1]);
    BOOST_TEST(all.find("x") == &all[0]);
    BOOST_TEST(all.find("X", 1) == &all[2]);
    BOOST_TEST(!all.find("y"));
    BOOST_TEST(all.has(PK_FIELD_SET_COOKIE));
    BOOST_TEST(!all.has(PK_FIELD_COOKIE));
}

BOOST_AUTO_TEST_CASE(removes_all_of_a_name) {
    for (const char* name : {"A", "Via", "a", "B", "via", "A"}) all.append(name, "1");
    BOOST_TEST(all.remove("VIA") == 2u);
    BOOST_TEST(all.remove(PK_FIELD_VIA) == 0u);
    BOOST_TEST(all.remove("a") == 3u);
    BOOST_TEST(text() == "B=1 ");
    BOOST_TEST(!all.has(PK_FIELD_VIA));
    BOOST_TEST(all.remove("b") == 1u);
    BOOST_TEST(all.empty());
}

BOOST_AUTO_TEST_CASE(sets_the_first_and_drops_the_others) {
    for (const char* name : {"A", "Via", "a", "B", "via", "A"}) all.append(name, "1");
    all.set("via", "2", PK_FIELD_VIA);
    all.set("a", "2", PK_FIELD_OTHER);
    all.set("C", "2", PK_FIELD_OTHER);
    BOOST_TEST(text() == "a=2 via=2 B=1 C=2 ");
}

BOOST_AUTO_TEST_CASE(grows_without_losing_any) {
    for (int i = 0; i < 1000; ++i) all.append(i % 2 ? "X" : "Accept", "1");
    BOOST_TEST(all.size() == 1000u);
    BOOST_TEST(all.remove("x") == 500u);
    BOOST_TEST(std::all_of(all.begin(), all.end(),
                           [](const pk_field& f) { return f.id == PK_FIELD_ACCEPT; }));
    all.clear();
    BOOST_TEST(all.empty());
    BOOST_TEST(!all.has(PK_FIELD_ACCEPT));
}

BOOST_AUTO_TEST_CASE(tells_of_an_underscore_in_a_name) {
    all.append("X-Long-Name-Without-One", "a_b");
    all.append("Host", "a_b");
    BOOST_TEST(!all.has_underscore());
    all.append("X-Long-Name_With-One", "1");
    BOOST_TEST(all.has_underscore());
    for (const char* name : {"_", "a_", "_a", "abcdefgh_", "abcdefg_", "X_Y"}) {
        all.clear();
        BOOST_TEST(!all.has_underscore());
        all.append(name, "1");
        BOOST_TEST(all.has_underscore());
    }
}

BOOST_AUTO_TEST_CASE(what_moves_leaves_nothing_behind) {
    rig r;
    base::arena to(r.pool, 64, 64);
    {
        const std::string host = "Host", name = "X-Odd_Name", value = "one two";
        r.all.append(host, value, PK_FIELD_HOST);
        r.all.append("user-agent", value, PK_FIELD_USER_AGENT);
        r.all.append(name, value);
        to.reserve(r.all.bytes());
        r.all.move_to(to);
    }
    const auto footprint = to.footprint();
    r.arena.reset();
    BOOST_TEST(r.text() == "Host=one two user-agent=one two X-Odd_Name=one two ");
    BOOST_TEST(r.all.has_underscore());
    BOOST_TEST(r.all.find("x-odd_name") == r.all.begin() + 2);
    BOOST_TEST(to.footprint() == footprint);
    r.all.append("later", "3");
    BOOST_TEST(r.all.size() == 4u);
    fields none(r.arena);
    none.move_to(to);
    BOOST_TEST(none.empty());
}

BOOST_AUTO_TEST_SUITE_END()
