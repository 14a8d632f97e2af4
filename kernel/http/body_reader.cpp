#include "kernel/http/body_reader.hpp"

namespace pkernel::http {

body_reader::step body_reader::next_chunked(std::string_view bytes, const head_limits& limits,
                                            fields& trailers, parse_fault& fault) {
    std::size_t used = 0;
    if (!in_trailers_) {
        const auto s = chunks_.next(bytes, fault);
        if (s.what == chunked_decoder::event::data) return {event::data, s.consumed, s.data};
        if (s.what == chunked_decoder::event::bad) return {event::bad, s.consumed};
        if (s.what == chunked_decoder::event::need_more) return {event::need_more, s.consumed};
        in_trailers_ = true;
        used = s.consumed;
        bytes.remove_prefix(used);
    }
    std::size_t section = 0;
    const auto r = parse_trailers(bytes, seen_, limits, trailers, &section, fault);
    if (r == parse_result::bad) return {event::bad, used};
    if (r == parse_result::need_more) {
        trailers.clear();
        seen_ = static_cast<std::uint32_t>(bytes.size());
        return {event::need_more, used};
    }
    over_ = true;
    return {event::end, used + section};
}

}  // namespace pkernel::http
