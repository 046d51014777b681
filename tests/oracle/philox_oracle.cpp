// Philox4x32-10 by its definition.
#include "tests/oracle/philox_oracle.hpp"

namespace oracle {

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  auto [x0, x1, x2, x3] = counter;
  for (std::uint32_t round = 0; round < 10; ++round) {
    const std::uint32_t key0 = key[0] + round * 0x9e3779b9u;  // the golden ratio
    const std::uint32_t key1 = key[1] + round * 0xbb67ae85u;  // the square root of 3, less 1
    const std::uint64_t product0 = std::uint64_t{0xd2511f53u} * x0;
    const std::uint64_t product2 = std::uint64_t{0xcd9e8d57u} * x2;
    x0 = static_cast<std::uint32_t>(product2 >> 32) ^ x1 ^ key0;
    x1 = static_cast<std::uint32_t>(product2);
    x2 = static_cast<std::uint32_t>(product0 >> 32) ^ x3 ^ key1;
    x3 = static_cast<std::uint32_t>(product0);
  }
  return {x0, x1, x2, x3};
}

std::uint32_t WordSource::word(std::uint64_t i) const {
  const std::uint64_t block = i / 4;
  const auto low = static_cast<std::uint32_t>(block % 0x100000000u);
  const auto high = static_cast<std::uint32_t>(block / 0x100000000u);
  return philox({low, step, tensor, use + 256 * high}, {seed, stream})[i % 4];
}

}  // namespace oracle
