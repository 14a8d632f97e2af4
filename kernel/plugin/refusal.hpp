// Why a plugin, or something that was asked of it, is refused. Exit code 3
// (config::exit_class::plugin).

#pragma once

#include <boost/system/result.hpp>
#include <string>
#include <utility>

namespace pkernel::plugin {

struct refusal {
    bool missing = false;  // There is no such file, so another name may have been meant.
    std::string sentence;  // One sentence naming the file; no newline, no full stop.
    std::string hint;      // What to do about it, or empty.

    std::string text() const { return hint.empty() ? sentence : sentence + " (" + hint + ")"; }
};

inline refusal refuse(std::string sentence, std::string hint = {}) {
    return {false, std::move(sentence), std::move(hint)};
}

// A value, or why there is none. Ask has_value() before `*`.
template <class T>
using outcome = boost::system::result<T, refusal>;

}  // namespace pkernel::plugin
