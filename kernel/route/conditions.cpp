#include "kernel/route/conditions.hpp"

#include "kernel/base/check.hpp"
#include "kernel/http/characters.hpp"
#include "kernel/route/query.hpp"

namespace pkernel::route {

namespace {

constexpr std::uint64_t length_bit(std::size_t size) noexcept {
    return std::uint64_t{1} << (size & 63);
}

void add_decoded(base::siphash& hash, std::string_view raw) {
    if (raw.find('%') == std::string_view::npos) return hash.add(raw);
    each_decoded(raw, [&](char c) {
        hash.add(c);
        return true;
    });
}

}  // namespace

std::uint64_t conditions::name_hash(kind of, std::string_view text) const noexcept {
    base::siphash hash(key_);
    hash.add(of == kind::field ? 'f' : 'p');
    hash.add(text);
    return hash.digest();
}

std::uint64_t conditions::value_hash(std::uint32_t name, const base::siphash& text) const noexcept {
    return text.digest() ^ mix(std::uint64_t{name} + 1);
}

std::uint32_t conditions::find_name(kind of, std::uint64_t hash,
                                    std::string_view text) const noexcept {
    return name_slots_.find(hash, [&](std::uint32_t n) {
        return names_[n].of == of && texts_.view(names_[n].text) == text;
    });
}

std::uint32_t conditions::add_name(kind of, std::string_view text) {
    const auto hash = name_hash(of, text);
    if (const auto known = find_name(of, hash, text); known != none) return known;
    const auto number = static_cast<std::uint32_t>(names_.size());
    names_.push_back({texts_.add(text), of, none, false});
    name_slots_.add(hash, number);
    const std::uint32_t id =
        of == kind::field ? http::field_id(text) : std::uint32_t{PK_FIELD_OTHER};
    if (id != PK_FIELD_OTHER)
        by_id_[id] = number;
    else
        name_lengths_[of == kind::parameter] |= length_bit(text.size());
    (of == kind::field ? has_fields_ : has_parameters_) = true;
    return number;
}

std::uint32_t conditions::presence(kind of, std::string_view text) {
    auto& known = names_[add_name(of, text)];
    if (known.presence == none) {
        known.presence = count_++;
        value_of_number_.resize(count_, none);
    }
    return known.presence;
}

std::uint32_t conditions::equality(kind of, std::string_view name, std::string_view text) {
    const auto about = add_name(of, name);
    base::siphash of_text(key_);
    of_text.add(text);
    const auto hash = value_hash(about, of_text);
    const auto known = value_slots_.find(hash, [&](std::uint32_t v) {
        return values_[v].name == about && texts_.view(values_[v].text) == text;
    });
    if (known != none) return values_[known].number;
    const auto added = static_cast<std::uint32_t>(values_.size());
    values_.push_back({texts_.add(text), about, count_});
    value_slots_.add(hash, added);
    value_of_number_.resize(++count_, none);
    value_of_number_.back() = added;
    names_[about].has_values = true;
    return values_.back().number;
}

std::uint32_t conditions::arrives_at(std::uint32_t listener) {
    PK_CHECK(count_ < size_max);
    if (listener >= by_listener_.size()) by_listener_.resize(listener + 1, none);
    auto& number = by_listener_[listener];
    if (number == none) {
        number = count_++;
        value_of_number_.resize(count_, none);
    }
    return number;
}

std::uint32_t conditions::has_field(std::string_view name) {
    PK_CHECK(count_ < size_max);
    return presence(kind::field, name);
}

std::uint32_t conditions::has_field(std::string_view name, std::string_view value) {
    PK_CHECK(count_ < size_max);
    return equality(kind::field, name, value);
}

std::uint32_t conditions::has_parameter(std::string_view name) {
    PK_CHECK(count_ < size_max);
    return presence(kind::parameter, name);
}

std::uint32_t conditions::has_parameter(std::string_view name, std::string_view value) {
    PK_CHECK(count_ < size_max);
    return equality(kind::parameter, name, value);
}

std::uint32_t conditions::implied_by(std::uint32_t number) const noexcept {
    const auto value = value_of_number_[number];
    return value == none ? none : names_[values_[value].name].presence;
}

std::uint32_t conditions::name_of_field(const pk_field& field) const noexcept {
    if (field.id != PK_FIELD_OTHER) return field.id < by_id_.size() ? by_id_[field.id] : none;
    if (!(name_lengths_[0] & length_bit(field.name.size))) return none;
    const auto text = http::to_view(field.name);
    base::siphash hash(key_);
    hash.add('f');
    for (const char c : text) hash.add(http::lower(c));
    return name_slots_.find(hash.digest(), [&](std::uint32_t n) {
        return names_[n].of == kind::field && http::same_text(texts_.view(names_[n].text), text);
    });
}

std::uint32_t conditions::name_of_parameter(std::string_view raw) const noexcept {
    const bool plain = raw.find('%') == std::string_view::npos;
    if (plain && !(name_lengths_[1] & length_bit(raw.size()))) return none;
    base::siphash hash(key_);
    hash.add('p');
    add_decoded(hash, raw);
    return name_slots_.find(hash.digest(), [&](std::uint32_t n) {
        return names_[n].of == kind::parameter && decodes_to(raw, texts_.view(names_[n].text));
    });
}

void conditions::evaluate_field(const pk_field& field, number_set& out) const noexcept {
    const auto about = name_of_field(field);
    if (about == none) return;
    if (names_[about].presence != none) out.add(names_[about].presence);
    if (!names_[about].has_values) return;
    const auto text = http::to_view(field.value);
    base::siphash hash(key_);
    hash.add(text);
    const auto found = value_slots_.find(value_hash(about, hash), [&](std::uint32_t v) {
        return values_[v].name == about && texts_.view(values_[v].text) == text;
    });
    if (found != none) out.add(values_[found].number);
}

void conditions::evaluate_parameter(std::string_view raw_name, std::string_view raw_value,
                                    number_set& out) const noexcept {
    const auto about = name_of_parameter(raw_name);
    if (about == none) return;
    if (names_[about].presence != none) out.add(names_[about].presence);
    if (!names_[about].has_values) return;
    base::siphash hash(key_);
    add_decoded(hash, raw_value);
    const auto found = value_slots_.find(value_hash(about, hash), [&](std::uint32_t v) {
        return values_[v].name == about && decodes_to(raw_value, texts_.view(values_[v].text));
    });
    if (found != none) out.add(values_[found].number);
}

void conditions::evaluate(const pk_request& request, const http::fields& fields,
                          std::uint32_t listener, number_set& out) const noexcept {
    if (listener < by_listener_.size() && by_listener_[listener] != none)
        out.add(by_listener_[listener]);
    if (has_fields_)
        for (const pk_field& field : fields) evaluate_field(field, out);
    if (has_parameters_)
        each_parameter(http::to_view(request.query),
                       [&](std::string_view name, std::string_view value) {
                           evaluate_parameter(name, value, out);
                       });
}

std::size_t conditions::footprint_bytes() const noexcept {
    return texts_.footprint_bytes() + name_slots_.footprint_bytes() +
           value_slots_.footprint_bytes() + names_.capacity() * sizeof(asked_name) +
           values_.capacity() * sizeof(asked_value) +
           (by_listener_.capacity() + value_of_number_.capacity()) * sizeof(std::uint32_t);
}

}  // namespace pkernel::route
