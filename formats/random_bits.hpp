// Random bits as a pure function of (seed, stream, step, tensor, use, element): Philox4x32-10.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace precsim::formats {

/// What the bits are drawn for; the second word of the Philox key. Values are part of the numerics version.
enum class Stream : std::uint32_t {
  rounding = 0,
  init = 1,
  dropout = 2,
  data_order = 3,
  augmentation = 4,
  data_generation = 5,
  fill = 6
};

/// One block of Philox4x32-10 (Salmon et al., SC 2011), counter and key as in Random123.
std::array<std::uint32_t, 4> philox_block(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

/// Every random word that one conversion of one tensor may use. A value type: copying it draws nothing.
struct RandomBits {
  std::uint32_t seed = 0;
  Stream stream = Stream::rounding;
  std::uint32_t step = 0;    ///< training step, or 0
  std::uint32_t tensor = 0;  ///< tensor_id("layer/role"), or 0
  std::uint32_t use = 0;     ///< numbers distinct conversions of one tensor; < 256

  /// The block of four words shared by the elements 4*block ... 4*block+3:
  /// counter (low 32 bits of block, step, tensor, use + 256 * (block >> 32)).
  std::array<std::uint32_t, 4> block(std::uint64_t block) const;

  /// The word of element `i` (64-bit index in logical, unpadded order): word i & 3 of block i >> 2.
  std::uint32_t word(std::uint64_t i) const { return block(i >> 2)[i & 3]; }
};

/// The 32-bit identity of a tensor: FNV-1a over the bytes of "layer/role".
std::uint32_t tensor_id(std::string_view layer_and_role);

}  // namespace precsim::formats
