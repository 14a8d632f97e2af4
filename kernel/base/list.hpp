// An intrusive, doubly linked list: no allocation, removal in constant time, an element knows when
// it is in one.

#pragma once

#include <cstddef>

namespace pkernel::base {

// Inherit to be kept in a list; `Tag` tells lists apart when an object is in several.
template <class Tag = void>
class list_hook {
public:
    list_hook() noexcept = default;
    list_hook(const list_hook&) = delete;
    list_hook& operator=(const list_hook&) = delete;
    ~list_hook() { unlink(); }

    bool linked() const noexcept { return next_ != nullptr; }
    void unlink() noexcept {
        if (!next_) return;
        previous_->next_ = next_;
        next_->previous_ = previous_;
        next_ = previous_ = nullptr;
    }

private:
    template <class T, class U>
    friend class list;
    list_hook* next_ = nullptr;
    list_hook* previous_ = nullptr;
};

// Does not own its elements. Destroying a list unlinks them.
template <class T, class Tag = void>
class list {
    using hook = list_hook<Tag>;

public:
    list() noexcept { head_.next_ = head_.previous_ = &head_; }
    list(const list&) = delete;
    list& operator=(const list&) = delete;
    ~list() {
        while (!empty()) head_.next_->unlink();
        head_.next_ = nullptr;
    }

    bool empty() const noexcept { return head_.next_ == &head_; }
    T& front() noexcept { return static_cast<T&>(*head_.next_); }
    T& back() noexcept { return static_cast<T&>(*head_.previous_); }
    void push_back(T& x) noexcept { insert_before(head_, x); }
    void push_front(T& x) noexcept { insert_before(*head_.next_, x); }

    // Calls f on each; f may unlink or destroy the element it is given, and no other.
    template <class F>
    void for_each(F&& f) {
        for (hook* at = head_.next_; at != &head_;) {
            hook* next = at->next_;
            f(static_cast<T&>(*at));
            at = next;
        }
    }

private:
    static void insert_before(hook& where, hook& x) noexcept {
        x.unlink();
        x.previous_ = where.previous_;
        x.next_ = &where;
        where.previous_->next_ = &x;
        where.previous_ = &x;
    }
    hook head_;
};

}  // namespace pkernel::base
