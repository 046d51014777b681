// Drawing over lines.
#include "experiments/cli/board.hpp"

#include <fmt/format.h>

namespace precsim::cli {

void Board::draw(const std::vector<std::string>& lines) {
  std::string text = drawn_ == 0 ? "" : fmt::format("\x1b[{}A", drawn_);
  for (const std::string& line : lines) text += fmt::format("\r\x1b[K{}\n", line);
  if (lines.size() < drawn_) text += "\x1b[J";
  drawn_ = lines.size();
  stream_ << text << std::flush;
}

void Board::print(std::string_view line) {
  clear();
  stream_ << line << '\n' << std::flush;
}

void Board::clear() {
  if (drawn_ == 0) return;
  stream_ << fmt::format("\x1b[{}A\r\x1b[J", drawn_) << std::flush;
  drawn_ = 0;
}

}  // namespace precsim::cli
