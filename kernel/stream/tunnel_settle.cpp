// What a stream lets go of once it is a tunnel, which may wait for days.

#include "kernel/stream/stream.hpp"

namespace pkernel::stream {

namespace {

// Texts that move to another arena, each once: one that is a part of another stays a part of it.
class mover {
public:
    // The larger ones first.
    void add(pk_str& text) noexcept {
        texts_[text_count_++] = &text;
        if (text.size == 0 || whole_of(text)) return;
        wholes_[whole_count_++] = {text, nullptr};
        bytes_ += text.size;
    }
    std::size_t bytes() const noexcept { return bytes_; }
    void move(base::arena& to) {
        for (std::size_t i = 0; i < whole_count_; ++i)
            wholes_[i].copy = to.copy(http::to_view(wholes_[i].from)).data();
        for (std::size_t i = 0; i < text_count_; ++i)
            if (const whole* w = whole_of(*texts_[i]))
                texts_[i]->data = w->copy + (texts_[i]->data - w->from.data);
    }

private:
    static constexpr std::size_t texts_max = 9;
    struct whole {
        pk_str from;
        const char* copy;
    };

    const whole* whole_of(const pk_str& text) const noexcept {
        for (std::size_t i = 0; i < whole_count_ && text.size > 0; ++i) {
            const pk_str& from = wholes_[i].from;
            if (text.data >= from.data && text.data + text.size <= from.data + from.size)
                return &wholes_[i];
        }
        return nullptr;
    }

    pk_str* texts_[texts_max];
    whole wholes_[texts_max];
    std::size_t text_count_ = 0, whole_count_ = 0;
    std::size_t bytes_ = 0;
};

}  // namespace

void stream::settle() {
    const bool whole = gathered_ && !children && !pinned_[std::size(pinned_) - 1] &&
                       request_trailers.empty() && response_trailers.empty();
    if (!whole) return;
    for (stage* st = std::exchange(dead_stages_, nullptr); st; st = st->next) st->~stage();

    pk_request& r = request;
    pk_str target = http::to_str(head.target);  // The path and its query stand in it.
    mover texts;
    for (pk_str* t : {&target, &r.method, &r.authority, &r.host, &r.path, &r.query, &r.path_normal,
                      &r.upgrade, &r.scheme})
        texts.add(*t);
    http::fields* const fields[] = {&head.headers, &response.headers, &claimed_};
    std::size_t bytes = texts.bytes() + forward_.bytes_kept();
    for (const http::fields* f : fields) bytes += f->bytes();
    kept_.reserve(bytes);
    for (http::fields* f : fields) f->move_to(kept_);
    texts.move(kept_);
    forward_.settle(kept_);

    head.method = http::to_view(r.method);
    head.target = http::to_view(target);
    response.reason = {};
    made_values = nullptr;
    reader_.reset();
    patience_.reset();
    for (auto& p : pinned_) p.reset();
    arena.reset();
}

}  // namespace pkernel::stream
