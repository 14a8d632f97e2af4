#include <algorithm>

#include "fake_stream.hpp"

namespace pk::testing {

void field_store::assign(field_pairs fields) {
    pairs_ = std::move(fields);
    std::vector<wide_field> fresh(pairs_.size());
    for (std::size_t i = 0; i < fresh.size(); ++i) {
        fresh[i].name = str(pairs_[i].first);
        fresh[i].value = str(pairs_[i].second);
        fresh[i].id = field_id(std::string_view(pairs_[i].first)).number();
    }
    table_ = std::move(fresh);
}

pk_field_view field_store::view() const noexcept {
    return {table_.data(), static_cast<std::uint32_t>(table_.size()), sizeof(wide_field)};
}

const pk_field* field_store::find(std::uint32_t id, std::string_view name,
                                  std::uint32_t* index) const {
    for (std::uint32_t i = *index; i < table_.size(); ++i) {
        const bool same =
            id == PK_FIELD_OTHER ? same_token(pairs_[i].first, name) : table_[i].id == id;
        if (!same) continue;
        *index = i;
        return &table_[i];
    }
    *index = static_cast<std::uint32_t>(table_.size());
    return nullptr;
}

pk_status field_store::add(std::string_view name, std::string_view value) {
    if (!legal_name(name) || !legal_value(value) || kernels_own(name)) return PK_INVALID;
    if (pairs_.size() >= 100) return PK_NO_MEMORY;
    field_pairs next(pairs_.begin(), pairs_.end());
    next.emplace_back(name, value);
    assign(std::move(next));
    return PK_OK;
}

bool field_store::remove(std::uint32_t id, std::string_view name) {
    field_pairs next;
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
        const bool same =
            id == PK_FIELD_OTHER ? same_token(pairs_[i].first, name) : table_[i].id == id;
        if (!same) next.push_back(pairs_[i]);
    }
    const bool any = next.size() != pairs_.size();
    assign(std::move(next));
    return any;
}

std::string field_store::joined(std::string_view name) const {
    std::string all;
    bool first = true;
    for (const auto& [n, value] : pairs_) {
        if (!same_token(n, name)) continue;
        all += (first ? "" : " | ") + value;
        first = false;
    }
    return all;
}

std::string reply_seen::field(std::string_view name) const {
    field_store store;
    store.assign(fields);
    return store.joined(name);
}

field_pairs parse_fields(std::string_view lines) {
    field_pairs all;
    while (!lines.empty()) {
        const auto end = std::min(lines.find('\n'), lines.size());
        const std::string_view line = lines.substr(0, end);
        lines.remove_prefix(std::min(end + 1, lines.size()));
        if (trimmed(line).empty()) continue;
        const auto colon = line.find(':');
        all.emplace_back(trimmed(line.substr(0, colon)), colon == std::string_view::npos
                                                             ? std::string_view()
                                                             : trimmed(line.substr(colon + 1)));
    }
    return all;
}

bool legal_name(std::string_view name) {
    constexpr std::string_view token =
        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return !name.empty() && name.find_first_not_of(token) == std::string_view::npos;
}

bool legal_value(std::string_view value) {
    return std::none_of(value.begin(), value.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte < 0x20 && c != '\t') || byte == 0x7f;
    });
}

bool kernels_own(std::string_view name) {
    for (std::string_view own : {"content-length", "transfer-encoding", "connection", "te",
                                 "trailer", "upgrade", "keep-alive", "proxy-connection", "host"}) {
        if (same_token(name, own)) return true;
    }
    return false;
}

}  // namespace pk::testing
