// Little-endian encoding into byte strings, and a reader that never runs past the end.
#pragma once

#include <fmt/format.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "formats/error.hpp"

namespace precsim::record {

/// Appends the low `width` bytes of `value`, least significant first, whatever the machine.
inline void append_integer(std::string& bytes, std::uint64_t value, int width) {
  for (int shift = 0; shift < 8 * width; shift += 8) {
    bytes.push_back(static_cast<char>(static_cast<unsigned char>(value >> shift)));
  }
}

/// The inverse of append_integer at the front of `bytes`, which must hold `width` bytes.
inline std::uint64_t integer_at(std::string_view bytes, int width) {
  std::uint64_t value = 0;
  for (int i = width; i-- > 0;) {
    value = value << 8 | static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
  }
  return value;
}

inline void append_float64(std::string& bytes, double value) {
  append_integer(bytes, std::bit_cast<std::uint64_t>(value), 8);
}

/// A 32-bit length, then the bytes.
inline void append_text(std::string& bytes, std::string_view text) {
  append_integer(bytes, text.size(), 4);
  bytes.append(text);
}

/// Takes values off the front of an encoded text. Content that is too short raises UserError naming `source`.
class ByteReader {
 public:
  ByteReader(std::string_view bytes, std::string source) : rest_(bytes), source_(std::move(source)) {}

  std::uint64_t integer(int width) { return integer_at(take(static_cast<std::size_t>(width)), width); }
  double float64() { return std::bit_cast<double>(integer(8)); }
  std::string text() { return std::string(take(integer(4))); }
  std::string_view take(std::size_t size) {
    if (size > rest_.size()) damaged("an entry is shorter than its content");
    const std::string_view front = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return front;
  }
  std::string_view take_rest() { return take(rest_.size()); }
  bool at_end() const { return rest_.empty(); }

  [[noreturn]] void damaged(std::string_view why) const {
    throw UserError(
        fmt::format("{} is damaged or not written by this program ({}); it was left as it is", source_, why));
  }

 private:
  std::string_view rest_;
  std::string source_;
};

}  // namespace precsim::record
