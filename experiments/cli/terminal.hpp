// What the program writes to: streams, and whether they are terminals.
#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>

namespace precsim::cli {

struct Terminal {
  bool is_terminal = false;
  /// Escape sequences are welcome: a terminal that is not "dumb", and NO_COLOR unset or empty (no-color.org).
  bool color = false;
  /// Columns; 80 where nobody knows.
  std::size_t width = 80;
  /// Lines; 24 where nobody knows.
  std::size_t height = 24;
};

/// Asks the system about an open file descriptor, and the environment about NO_COLOR and TERM.
Terminal inspect_terminal(int file_descriptor);

/// Where a subcommand writes: results to `out`, everything else to `err`. All numbers that the program writes there are
/// formatted by fmt or as JSON, neither of which looks at the locale.
struct Streams {
  std::ostream& out;
  std::ostream& err;
  Terminal out_terminal = {};
  Terminal err_terminal = {};
};

/// `text` in red where the terminal has color, else as it is.
std::string in_red(const Terminal& terminal, std::string_view text);

/// `text` as one line, fit for a terminal: control bytes, of a file's name for instance, as \xNN.
std::string one_line(std::string_view text);

/// Columns that UTF-8 text takes, one per code point.
std::size_t display_width(std::string_view text);

}  // namespace precsim::cli
