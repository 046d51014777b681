// A 64-bit content hash (FNV-1a) that identifies weights, data and configurations in records.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace precsim::formats {

/// FNV-1a, 64 bits, over bytes in order. Identification only, not cryptographic.
class Hash64 {
 public:
  void bytes(const void* data, std::size_t size);
  void text(std::string_view text) { bytes(text.data(), text.size()); }
  /// Little-endian bytes of the integer, whatever the machine.
  void integer(std::uint64_t value);
  std::uint64_t value() const { return state_; }
  /// 16 lower-case hexadecimal digits.
  std::string hex() const;

 private:
  std::uint64_t state_ = 0xcbf29ce484222325u;
};

}  // namespace precsim::formats
