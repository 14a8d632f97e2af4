// Fields (headers and trailers) as ranges.
//
// There is no "value of the field x": a name may come several times, and a rule that looks at one
// of them can be passed by sending two (S27). Use each(), and say what must hold for all of them.

#pragma once

#include <pkernel/abi/stream.h>
#include <pkernel/text.hpp>

#include <array>
#include <iterator>

namespace pk {

// A field's name with its well-known number. From a literal it is computed by the compiler; from
// other text it is a search of the list, so do that at create and keep the result.
class field_id {
public:
    template <std::size_t N>
    consteval field_id(const char (&literal)[N])
        : field_id(number_of({literal, N - 1}), {literal, N - 1}) {}
    constexpr explicit field_id(std::string_view name) : field_id(number_of(name), name) {}

    constexpr std::uint32_t number() const noexcept { return number_; }
    constexpr std::string_view name() const noexcept { return name_; }

private:
    constexpr field_id(std::uint32_t number, std::string_view name)
        : number_(number), name_(name) {}

    static constexpr std::uint32_t number_of(std::string_view name) noexcept {
#define PKERNEL_FIELD_NAME(suffix, text) std::string_view(text),
        constexpr std::array names{PKERNEL_FIELD_LIST(PKERNEL_FIELD_NAME)};
#undef PKERNEL_FIELD_NAME
        for (std::size_t i = 0; i < names.size(); ++i) {
            if (same_token(names[i], name)) return static_cast<std::uint32_t>(i + 1);
        }
        return PK_FIELD_OTHER;
    }

    std::uint32_t number_;
    std::string_view name_;
};

// One field as it is seen. Lives as long as the range that it came from.
struct field {
    std::string_view name;  // As the sender spelt it.
    std::string_view value;
    std::uint32_t id;  // PK_FIELD_..., or PK_FIELD_OTHER.

    constexpr field(const pk_field& f) : name(view(f.name)), value(view(f.value)), id(f.id) {}
};

// One field to be sent: { "retry-after", "5" }.
struct new_field : pk_field {
    constexpr new_field(field_id key, std::string_view line)
        : pk_field{str(key.name()), str(line), key.number(), 0} {}
};

// All elements of a pk_field_view. The view says how far apart they are.
class field_list {
public:
    class iterator {
    public:
        using value_type = field;
        using difference_type = std::ptrdiff_t;

        iterator() = default;
        explicit iterator(const pk_field_view& v) : at_(v.first), left_(v.count), step_(v.stride) {}

        field operator*() const noexcept { return field(*at_); }
        iterator& operator++() noexcept {
            at_ = reinterpret_cast<const pk_field*>(reinterpret_cast<const char*>(at_) + step_);
            --left_;
            return *this;
        }
        void operator++(int) noexcept { ++*this; }
        bool operator==(std::default_sentinel_t) const noexcept { return left_ == 0; }

    private:
        const pk_field* at_ = nullptr;
        std::uint32_t left_ = 0;
        std::uint32_t step_ = 0;
    };

    explicit field_list(const pk_field_view& v) noexcept : view_(v) {}
    iterator begin() const noexcept { return iterator(view_); }
    std::default_sentinel_t end() const noexcept { return {}; }
    std::uint32_t size() const noexcept { return view_.count; }

private:
    pk_field_view view_;
};

// The fields of one name, in order.
class fields_of_name {
public:
    class iterator {
    public:
        using value_type = field;
        using difference_type = std::ptrdiff_t;

        iterator() = default;
        iterator(pk_stream* s, std::uint32_t which, const field_id* id)
            : s_(s), which_(which), id_(id) {
            find();
        }

        field operator*() const noexcept { return field(*found_); }
        iterator& operator++() noexcept {
            ++index_;
            find();
            return *this;
        }
        void operator++(int) noexcept { ++*this; }
        bool operator==(std::default_sentinel_t) const noexcept { return found_ == nullptr; }

    private:
        void find() noexcept {
            found_ = s_->api->find(s_, which_, id_->number(), str(id_->name()), &index_);
        }

        pk_stream* s_ = nullptr;
        std::uint32_t which_ = 0;
        std::uint32_t index_ = 0;
        const field_id* id_ = nullptr;
        const pk_field* found_ = nullptr;
    };

    fields_of_name(pk_stream* s, std::uint32_t which, field_id id) noexcept
        : s_(s), which_(which), id_(id) {}
    iterator begin() const noexcept { return iterator(s_, which_, &id_); }
    std::default_sentinel_t end() const noexcept { return {}; }
    bool empty() const noexcept { return begin() == end(); }

private:
    pk_stream* s_;
    std::uint32_t which_;
    field_id id_;
};

// One kind of fields of a stream, to read and to change. Changing ends the views of that kind.
class fields {
public:
    fields(pk_stream* s, std::uint32_t which) noexcept : s_(s), which_(which) {}

    field_list all() const noexcept { return field_list(s_->api->fields(s_, which_)); }
    fields_of_name each(field_id id) const noexcept { return {s_, which_, id}; }
    bool contains(field_id id) const noexcept { return !each(id).empty(); }

    // PK_OK, or why nothing was done: a bad name or value is refused, never cut (S19).
    [[nodiscard]] pk_status set(field_id id, std::string_view value) const noexcept {
        return s_->api->set_field(s_, which_, id.number(), str(id.name()), str(value));
    }
    [[nodiscard]] pk_status add(field_id id, std::string_view value) const noexcept {
        return s_->api->add_field(s_, which_, id.number(), str(id.name()), str(value));
    }
    // Every field of that name. PK_NOT_FOUND: there was none.
    pk_status remove(field_id id) const noexcept {
        return s_->api->remove_field(s_, which_, id.number(), str(id.name()));
    }

private:
    pk_stream* s_;
    std::uint32_t which_;
};

}  // namespace pk
