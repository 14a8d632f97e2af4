#include "kernel/stream/lent_memory.hpp"

#include "kernel/stream/context.hpp"

namespace pkernel::stream {

struct lent_memory::loan : base::block {
    void (*unused)(void*) = nullptr;
    void* arg = nullptr;
    std::uint32_t number = 0;
    std::shared_ptr<site> where;
};

lent_memory::~lent_memory() {
    while (base::block* b = spare_) {
        spare_ = b->next;
        delete static_cast<loan*>(b);
    }
}

base::slice lent_memory::lend(std::string_view bytes, void (*unused)(void*), void* arg,
                              std::uint32_t number, std::shared_ptr<site> where) {
    auto* l = static_cast<loan*>(spare_);
    if (l) {
        spare_ = l->next;
        --spare_count_;
    } else {
        l = new loan;
    }
    static_cast<base::block&>(*l) = {
        1, static_cast<std::uint32_t>(bytes.size()), &blocks_, nullptr, nullptr, this};
    l->unused = unused;
    l->arg = arg;
    l->number = number;
    l->where = std::move(where);
    base::slice s(bytes.data(), bytes.size(), l);
    base::release(l);  // The slice has its own reference.
    return s;
}

void lent_memory::give_back(base::block* b) noexcept {
    b->next = back_;
    back_ = b;
    loop_.defer(*this);
}

void lent_memory::settle() {
    while (base::block* b = back_) {
        back_ = b->next;
        auto* l = static_cast<loan*>(b);
        {
            const plugin::call_marker mark(marker_, l->number);
            l->unused(l->arg);
        }
        l->where.reset();
        if (spare_count_ == spare_max) {
            delete l;
            continue;
        }
        l->next = spare_;
        spare_ = l;
        ++spare_count_;
    }
}

}  // namespace pkernel::stream
