// The text of the files that a run has read, for the lines that errors show, and what in them must
// not be shown.

#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/config/position.hpp"

namespace pkernel::config {

// Names that positions point at. Grows only; views stay valid as long as it lives.
using file_names = std::deque<std::string>;

class sources {
public:
    // The name as positions hold it, the same view for equal names.
    std::string_view name(std::string_view file);

    // Keeps the text of a file; a second call for the same file is ignored.
    void add(std::string_view file, std::string text);

    // The n-th line (from 1) without its end, or an empty view when there is none.
    std::string_view line(std::string_view file, std::uint32_t n) const;

    // From here on no error shows what stands between these marks, both in this file. The end is
    // exclusive; an end of line 0 means the end of the line on which it begins.
    void hide(const position& from, std::uint32_t end_line, std::uint32_t end_column);

    // Hidden columns of one line as [from, to), counted from 1, from left to right, none touching.
    struct span {
        std::uint32_t from;
        std::uint32_t to;
    };
    std::vector<span> hidden(std::string_view file, std::uint32_t line) const;

    // Rank of a file in the order of first mention.
    std::size_t rank(std::string_view file) const;

    std::shared_ptr<const file_names> names() const { return names_; }

private:
    struct text {
        std::string bytes;
        std::vector<std::size_t> line_starts;
    };
    struct range {
        std::string_view file;
        std::uint32_t line, column, end_line, end_column;
    };

    std::shared_ptr<file_names> names_ = std::make_shared<file_names>();
    std::string_view last_;  // That name() gave.
    std::map<std::string, text, std::less<>> texts_;
    std::vector<range> hidden_;
};

}  // namespace pkernel::config
