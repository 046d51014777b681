// Reading the known answers of tests/golden: lines of blank-separated columns.
#pragma once

#include <charconv>
#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace precsim::support {

/// One line of a golden file, with its number for messages.
struct KnownAnswer {
  int line = 0;
  std::vector<std::string> columns;
};

inline std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = text.find(separator);
    if (end != 0) {
      parts.emplace_back(text.substr(0, end));
    }
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return parts;
}

/// All lines but comments; a missing, empty or comments-only file throws, so that no test passes on nothing.
inline std::vector<KnownAnswer> known_answers(const std::string& name) {
  const std::string path = std::string(PRECSIM_GOLDEN_DIR) + "/known_answers_" + name + ".txt";
  std::ifstream file(path);
  std::vector<KnownAnswer> answers;
  std::string text;
  for (int line = 1; std::getline(file, text); ++line) {
    if (!text.empty() && text[0] != '#') {
      answers.push_back({line, split(text, ' ')});
    }
  }
  if (answers.empty()) {
    throw std::runtime_error("no known answers in " + path);
  }
  return answers;
}

/// A whole column as an integer of the given base; anything else throws.
template <class Integer>
Integer number(std::string_view text, int base = 10) {
  Integer value{};
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || stop != text.data() + text.size()) {
    throw std::runtime_error("not a number: " + std::string(text));
  }
  return value;
}

inline std::uint32_t hex32(std::string_view text) {
  return number<std::uint32_t>(text, 16);
}

}  // namespace precsim::support
