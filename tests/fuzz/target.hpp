// What every fuzz target shares: taking an input apart, promises that make a finding, and what a refusal is.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "formats/error.hpp"

namespace precsim::fuzz {

/// A promise that an input broke.
class Finding : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

inline void promise(bool kept, const std::string& what) {
  if (!kept) throw Finding(what);
}

/// The sentence with which `read` refuses; nothing when it accepts. Only a UserError refuses: whatever else comes out
/// is a finding, as is a sentence that says nothing or pours the whole input over the reader.
template <typename Read>
std::optional<std::string> refusal(const Read& read) {
  try {
    read();
    return std::nullopt;
  } catch (const UserError& error) {
    const std::string sentence = error.what();
    promise(sentence.size() > 10 && sentence.size() < 4096, "a refusal is a sentence: " + sentence);
    return sentence;
  }
}

template <typename Read>
bool accepts(const Read& read) {
  return !refusal(read);
}

/// Takes an input apart from the front; what lies behind its end is zero and empty, so that every input has a meaning.
class Input {
 public:
  explicit Input(std::string_view bytes) : rest_(bytes) {}

  bool at_end() const { return rest_.empty(); }
  std::uint8_t byte() {
    const std::string_view one = take(1);
    return one.empty() ? 0 : static_cast<std::uint8_t>(one.front());
  }
  /// Little-endian.
  std::uint64_t integer(int width) {
    std::uint64_t value = 0;
    for (int i = 0; i < width; ++i) value |= std::uint64_t{byte()} << (8 * i);
    return value;
  }
  double real() { return std::bit_cast<double>(integer(8)); }
  /// A 16-bit length, then as many bytes as there are of it.
  std::string_view piece() { return take(static_cast<std::size_t>(integer(2))); }
  std::string_view rest() { return take(rest_.size()); }

 private:
  std::string_view take(std::size_t size) {
    const std::string_view front = rest_.substr(0, size);
    rest_.remove_prefix(front.size());
    return front;
  }

  std::string_view rest_;
};

/// The lines of a text, without their ends.
inline std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace precsim::fuzz
