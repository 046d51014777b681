// An independent Philox4x32-10, and the random word of an element.
#pragma once

#include <array>
#include <cstdint>

/// Written from the definition of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC
/// 2011), and from numerics 1, sharing nothing with the library.
namespace oracle {

/// Ten rounds; each multiplies words 0 and 2, and the key grows by two constants between rounds.
std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

/// Where random words come from; the streams count from 0: rounding, init, dropout, data order, augmentation, data
/// generation, fill.
struct WordSource {
  std::uint32_t seed = 0, stream = 0, step = 0, tensor = 0, use = 0;

  /// Word i & 3 of the block with key (seed, stream) and counter (low 32 bits of i>>2, step, tensor, use + 256 *
  /// (i>>34)).
  std::uint32_t word(std::uint64_t i) const;
};

}  // namespace oracle
