#include <pkernel/address.hpp>
#include <pkernel/testing/options.hpp>

#include <charconv>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace pk::testing {
namespace {

[[noreturn]] void fail(const std::string& why) {
    throw std::runtime_error(why);
}

struct unit {
    std::string_view name;
    std::int64_t factor;
};
constexpr unit sizes[] = {{"B", 1},         {"KB", 1000},     {"MB", 1000000},  {"GB", 1000000000},
                          {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1LL << 40}};
constexpr unit times[] = {
    {"ns", 1},          {"us", 1000},         {"ms", 1000000},      {"s", 1000000000},
    {"m", 60000000000}, {"h", 3600000000000}, {"d", 86400000000000}};

std::int64_t number(std::string_view text) {
    std::int64_t n = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (error != std::errc() || end != text.data() + text.size()) {
        fail("'" + std::string(text) + "' is not a number");
    }
    return n;
}

// Numbers each with its unit: 64KiB, 1h30m.
template <std::size_t N>
std::int64_t with_units(std::string_view text, const unit (&units)[N]) {
    std::int64_t sum = 0;
    if (text.empty()) fail("a value with a unit is needed");
    while (!text.empty()) {
        const auto digits = text.find_first_not_of("0123456789");
        if (digits == 0 || digits == std::string_view::npos) fail("a unit is needed");
        auto letters = text.find_first_of("0123456789", digits);
        if (letters == std::string_view::npos) letters = text.size();
        const std::string_view name = text.substr(digits, letters - digits);
        const unit* found = nullptr;
        for (const unit& u : units) {
            if (u.name == name) found = &u;
        }
        if (found == nullptr) fail("'" + std::string(name) + "' is not a unit here");
        sum += number(text.substr(0, digits)) * found->factor;
        text.remove_prefix(letters);
    }
    return sum;
}

void rate(std::string_view text, pk_node& out) {
    const auto slash = text.find('/');
    if (slash == std::string_view::npos) fail("a rate is needed, such as 100/s");
    std::string period(text.substr(slash + 1));
    if (!period.empty() && (period[0] < '0' || period[0] > '9')) period.insert(0, "1");
    out.integer = number(text.substr(0, slash));
    out.period = with_units(period, times);
}

void cidr(std::string_view text, pk_node& out) {
    const auto slash = text.find('/');
    if (!parse_ip(text.substr(0, slash), out.address)) fail("not an address or network");
    const std::int64_t whole = out.address.family == 4 ? 32 : 128;
    const std::int64_t bits =
        slash == std::string_view::npos ? whole : number(text.substr(slash + 1));
    if (bits < 0 || bits > whole) fail("the prefix is too long");
    out.address.prefix = static_cast<std::uint32_t>(bits);
}

void address(std::string_view text, pk_node& out) {
    if (text.starts_with("unix:")) {
        out.address.family = 1;
        return;
    }
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) fail("an address is needed, such as 127.0.0.1:80");
    std::string_view host = text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    if (!parse_ip(host, out.address)) fail("not an address");
    out.address.port = static_cast<std::uint32_t>(number(text.substr(colon + 1)));
}

void choice(const pk_option& option, std::string_view text, pk_node& out) {
    std::string known;
    for (std::uint32_t i = 0; i < option.choice_count; ++i) {
        if (view(option.choices[i]) == text) {
            out.integer = i;
            return;
        }
        known += (i == 0 ? "" : ", ") + std::string(view(option.choices[i]));
    }
    fail("'" + std::string(text) + "' is none of " + known);
}

constexpr std::string_view token_bytes =
    "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

}  // namespace

void read_scalar(const pk_option& option, const std::string& text, pk_node& out) {
    switch (option.type) {
        case PK_OPT_BOOL:
            if (text != "true" && text != "false") fail("true or false is needed");
            out.integer = text == "true";
            break;
        case PK_OPT_INTEGER:
            out.integer = number(text);
            break;
        case PK_OPT_STATUS:
            out.integer = number(text);
            if (out.integer < 100 || out.integer > 599) fail(text + " is not a status");
            break;
        case PK_OPT_SIZE:
            // Bare numbers are let through, so that tests of limits stay short.
            out.integer = text.find_first_not_of("0123456789") == std::string::npos
                              ? number(text)
                              : with_units(text, sizes);
            break;
        case PK_OPT_DURATION:
            out.integer = with_units(text, times);
            break;
        case PK_OPT_RATE:
            rate(text, out);
            break;
        case PK_OPT_ADDRESS:
            address(text, out);
            break;
        case PK_OPT_CIDR:
            cidr(text, out);
            break;
        case PK_OPT_ENUM:
            choice(option, text, out);
            break;
        case PK_OPT_FIELD_NAME:
            if (text.empty() || text.find_first_not_of(token_bytes) != std::string::npos) {
                fail("'" + text + "' is not a field name");
            }
            break;
        case PK_OPT_FIELD_VALUE:
            for (char c : text) {
                const auto byte = static_cast<unsigned char>(c);
                if ((byte < 0x20 && c != '\t') || byte == 0x7f) fail("has a control byte");
            }
            break;
        case PK_OPT_TEXT:
        case PK_OPT_PATH:
        case PK_OPT_FILE:
            break;
        default:
            fail("the fake host does not know this type of option");
    }
    if ((option.flags & PK_OPTION_HAS_MIN) != 0 && out.integer < option.min) {
        fail(text + " is less than " + std::to_string(option.min));
    }
    if ((option.flags & PK_OPTION_HAS_MAX) != 0 && out.integer > option.max) {
        fail(text + " is more than " + std::to_string(option.max));
    }
    if ((option.flags & PK_OPTION_NOT_EMPTY) != 0 && text.empty()) fail("must not be empty");
}

}  // namespace pk::testing
