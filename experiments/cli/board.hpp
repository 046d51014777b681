// Several lines of progress that are drawn over, below what is printed.
#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace precsim::cli {

/// Draws with escape sequences: for terminals that welcome them (Terminal::color). The stream must outlive it.
class Board {
 public:
  explicit Board(std::ostream& stream) : stream_(stream) {}
  Board(const Board&) = delete;
  Board& operator=(const Board&) = delete;
  Board(Board&&) = delete;
  Board& operator=(Board&&) = delete;
  ~Board() { clear(); }

  /// In the place of the lines drawn before; each must fit into one line of the terminal.
  void draw(const std::vector<std::string>& lines);
  /// Prints a line above.
  void print(std::string_view line);
  void clear();

 private:
  std::ostream& stream_;
  std::size_t drawn_ = 0;
};

}  // namespace precsim::cli
