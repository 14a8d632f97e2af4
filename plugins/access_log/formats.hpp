// The two formats. Both escape, so that whatever a client sent the line stays one line.

#pragma once

#include "line.hpp"

namespace access_log {

inline void json_text(writer& w, std::string_view key, std::string_view value) {
    w.out.append(",\"").append(key).append("\":");
    if (value.empty()) {
        w.out.append("null");
    } else {
        pk::append_json(w.out, value);
    }
}

inline void json_number(writer& w, std::string_view key, std::uint64_t value) {
    w.out.append(",\"").append(key).append("\":");
    append_number(w.out, value);
}

inline void json_ms(writer& w, std::string_view key, std::uint64_t ns) {
    w.out.append(",\"").append(key).append("\":");
    if (ns == 0) {
        w.out.append("null");
    } else {
        append_ms(w.out, ns);
    }
}

inline void json_notes(writer& w, const pk_record& r) {
    w.out.append(",\"notes\":{");
    const auto* at = reinterpret_cast<const char*>(r.annotations);
    for (std::uint32_t i = 0; i < r.annotation_count; ++i, at += r.annotation_stride) {
        const auto& note = *reinterpret_cast<const pk_annotation*>(at);
        if (i > 0) w.out += ',';
        pk::append_json(w.out, pk::view(note.key));
        w.out += ':';
        pk::append_json(w.out, pk::view(note.value));
    }
    w.out += '}';
}

// Every key is always there; null is what there was none of. Times are in milliseconds.
inline void append_json_line(writer& w, const pk_record& r, const wanted& what) {
    const pk_request& req = *r.request;
    w.out.append("{\"time\":\"");
    w.time.iso(w.out, r.start_unix_ns);
    w.out += '"';
    json_text(w, "id", pk::view(req.id));
    json_text(w, "client", pk::ip_text(req.client));
    json_text(w, "peer", pk::ip_text(req.peer));
    json_text(w, "listener", pk::view(req.listener));
    json_text(w, "protocol", pk::view(r.protocol));
    json_text(w, "method", pk::view(req.method));
    json_text(w, "scheme", pk::view(req.scheme));
    json_text(w, "host", pk::view(req.authority));
    json_text(w, "target", target_of(w.scratch, r, what));
    w.out.append(",\"status\":");
    if (r.status == 0) {
        w.out.append("null");
    } else {
        append_number(w.out, r.status);
    }
    json_text(w, "end_reason", pk::view(r.end_reason));
    json_number(w, "request_bytes", r.request_bytes);
    json_number(w, "response_bytes", r.response_bytes);
    w.out.append(",\"duration_ms\":");
    append_ms(w.out, r.duration_ns);
    json_text(w, "route", pk::view(req.route));
    json_text(w, "upstream", pk::view(r.upstream));
    json_text(w, "endpoint", pk::view(r.endpoint));
    json_number(w, "attempts", r.attempts);
    w.out.append(",\"reused\":")
        .append(r.attempts == 0 ? "null"
                : r.reused != 0 ? "true"
                                : "false");
    json_text(w, "failed_attempts", pk::view(r.failed_attempts));
    json_text(w, "body_kept", pk::view(r.body_kept));
    json_ms(w, "upstream_queue_ms", r.upstream_queue_ns);
    json_ms(w, "upstream_connect_ms", r.upstream_connect_ns);
    json_ms(w, "upstream_head_ms", r.upstream_head_ns);
    w.out.append(",\"fields\":{");
    bool first = true;
    for (const pk::field_id& id : what.fields) {
        if (!first) w.out += ',';
        first = false;
        pk::append_json(w.out, id.name());
        w.out += ':';
        const std::string_view value = value_of(w.scratch, r, what, id);
        if (value.data() == nullptr) {
            w.out.append("null");
        } else {
            pk::append_json(w.out, value);
        }
    }
    w.out += '}';
    json_notes(w, r);
    w.out.append("}\n");
}

// Quoted as nginx quotes: \xHH for quotes, backslashes and what is not printable ASCII.
inline void append_quoted(std::string& out, std::string_view value) {
    constexpr char hex[] = "0123456789ABCDEF";
    for (char c : value) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte > 0x7e || c == '"' || c == '\\') {
            const char escaped[] = {'\\', 'x', hex[byte >> 4], hex[byte & 15]};
            out.append(escaped, sizeof escaped);
        } else {
            out += c;
        }
    }
}

inline void append_combined_line(writer& w, const pk_record& r, const wanted& what) {
    const pk_request& req = *r.request;
    const auto client = pk::ip_text(req.client);
    w.out.append(client.size() == 0 ? "-" : client.view()).append(" - - [");
    w.time.common(w.out, r.start_unix_ns);
    w.out.append("] \"");
    if (req.method.size == 0) {
        w.out += '-';
    } else {
        append_quoted(w.out, pk::view(req.method));
        append_quoted(w.out += ' ', target_of(w.scratch, r, what));
        append_quoted(w.out += ' ', pk::view(r.protocol));
    }
    w.out.append("\" ");
    if (r.status == 0) {
        w.out += '-';
    } else {
        append_number(w.out, r.status);
    }
    append_number(w.out += ' ', r.response_bytes);
    for (const pk::field_id id : {pk::field_id("referer"), pk::field_id("user-agent")}) {
        w.out.append(" \"");
        const std::string_view value = value_of(w.scratch, r, what, id);
        append_quoted(w.out, value.empty() ? "-" : value);
        w.out += '"';
    }
    w.out += '\n';
}

}  // namespace access_log
