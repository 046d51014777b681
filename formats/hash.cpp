// FNV-1a; see hash.hpp.
#include "formats/hash.hpp"

#include <fmt/format.h>

namespace precsim::formats {

void Hash64::bytes(const void* data, std::size_t size) {
  const auto* p = static_cast<const unsigned char*>(data);
  for (std::size_t i = 0; i < size; ++i) {
    state_ = (state_ ^ p[i]) * 0x100000001b3u;
  }
}

void Hash64::integer(std::uint64_t value) {
  for (int shift = 0; shift < 64; shift += 8) {
    const auto byte = static_cast<unsigned char>(value >> shift);
    bytes(&byte, 1);
  }
}

std::string Hash64::hex() const {
  return fmt::format("{:016x}", state_);
}

}  // namespace precsim::formats
