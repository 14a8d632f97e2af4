// consistent_hash: requests with the same key go to the same endpoint, and when endpoints come or
// go only the keys of those move.
//
// With `load_max` no endpoint has more than so many percent of the average in flight: what is too
// much for a key's first endpoint goes to its second, and so on, always the same ones (consistent
// hashing with bounded loads).

#include <pkernel/plugin.hpp>
#include <pkernel/rendezvous.hpp>
#include <pkernel/services.hpp>

namespace {

struct settings {
    std::string_view key;
    std::uint32_t load_max = 0;
};

constexpr auto schema = pk::schema<settings>(
    pk::text("key", &settings::key,
             "Variable whose value decides: path, field.x-user, cookie.id, query.id, ...")
        .main()
        .required(),
    pk::integer("load_max", &settings::load_max,
                "Most that one may have in flight, in percent of the average; 0: any.")
        .at_most(10'000));

class consistent_hash {
public:
    consistent_hash(const settings& conf, pk::host& h)
        : key_(h, "key", conf.key), load_max_(conf.load_max), table_(h.worker_count()) {
        if (load_max_ > 0 && load_max_ <= 100)
            throw pk::config_error("load_max", "load_max must be over 100 (or 0: no bound)");
    }

    bool counts_in_flight() const noexcept { return load_max_ > 0; }

    std::uint32_t pick(const pk::pick& p) const {
        pk::stream s(p.raw().stream);
        const auto value = key_.of(s);
        // Without a value there is nothing to stay by: anywhere.
        const std::uint64_t key = value.empty() ? p.random() : pk::hash_of(value);
        const std::uint32_t first = table_.winner(p, key);
        if (load_max_ == 0 || first == pk::no_endpoint) return first;
        const bound most(p, load_max_);
        if (most.lets(p, first)) return first;
        const auto next =
            table_.winner_if(p, key, [&](std::uint32_t i) { return most.lets(p, i); });
        return next == pk::no_endpoint ? first : next;
    }

private:
    static std::uint64_t in_flight(const pk::pick& p, std::uint32_t i) noexcept {
        return __atomic_load_n(&p.endpoint(i).shared->in_flight, __ATOMIC_RELAXED);
    }

    // What is in flight at the candidates, and their weight. Of many endpoints it is counted once
    // in a while only: an average does not change with every request.
    class bound {
    public:
        bound(const pk::pick& p, std::uint32_t percent) noexcept : percent_(percent) {
            const bool keeps = p.all() && p.endpoint_count() > 1;
            std::int64_t* kept = p.words(0);  // Three of them: picks left, load, weight.
            if (keeps && kept[0] > 0) {
                --kept[0];
                load_ = static_cast<std::uint64_t>(kept[1]);
                weight_ = static_cast<std::uint64_t>(kept[2]);
                return;
            }
            for (std::uint32_t i = 0; i < p.count(); ++i) {
                load_ += in_flight(p, p.candidate(i));
                weight_ += p.endpoint(p.candidate(i)).weight;
            }
            if (!keeps) return;
            kept[0] = p.endpoint_count() / 8;
            kept[1] = static_cast<std::int64_t>(load_);
            kept[2] = static_cast<std::int64_t>(weight_);
        }

        // Whether one request more is within the bound there.
        bool lets(const pk::pick& p, std::uint32_t i) const noexcept {
            const std::uint64_t share = (load_ + 1) * percent_ * p.endpoint(i).weight;
            const std::uint64_t whole = weight_ * 100;
            return in_flight(p, i) + 1 <= (share + whole - 1) / whole;
        }

    private:
        const std::uint64_t percent_;
        std::uint64_t load_ = 0;
        std::uint64_t weight_ = 0;
    };

    const pk::variable key_;
    const std::uint32_t load_max_;
    const pk::rendezvous table_;
};

}  // namespace

PKERNEL_PLUGIN("consistent_hash", "1.0.0",
               "Requests with the same key go to the same endpoint, whatever becomes of others.",
               pk::balancer<consistent_hash, schema>);
