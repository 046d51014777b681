// One tensor of a file through one conversion, block by block, whatever its size.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "experiments/tensor_files/block_grid.hpp"
#include "experiments/tensor_files/tensor_file.hpp"
#include "formats/catalogue.hpp"
#include "formats/convert.hpp"

namespace precsim::conversion {

inline constexpr std::int64_t default_window = std::int64_t{1} << 18;

/// What comes of a piece of a block, or of many blocks: as many codes as values, where the format has codes for pieces.
struct Converted {
  std::span<const float> x;
  std::span<const float> values;
  std::span<const std::int16_t> codes;  ///< integers, or bit patterns of at most 16 bits; empty for others
  int exponent = 0;                     ///< where there are no codes
};

struct ConverterHooks {
  /// Pieces in rising order.
  std::function<void(const Converted&)> piece;
  /// One per block, in order, after its last piece.
  std::function<void(std::span<const std::int16_t>)> exponents = {};
  /// Elements that were read; throw to stop.
  std::function<void(std::uint64_t elements)> progress = {};
};

/// Converts tensor i. Random bits: stream rounding, the tensor's id from its name, step and use 0, the element's index.
/// Blocks are those of tensor_files::BlockGrid; one longer than `window` elements is read twice, and once more where
/// its exponent may depend on its codes. UserError naming tensor and index of the first element that the format cannot
/// take.
formats::ConversionCounts convert_tensor(tensor_files::TensorFile& file, std::size_t i,
                                         const formats::Conversion& conversion, std::uint32_t seed,
                                         const ConverterHooks& hooks, std::int64_t window = default_window);

/// About as many elements as that reads, with the window as it is by default.
std::uint64_t elements_read(const tensor_files::TensorEntry& entry, const formats::Conversion& conversion);

}  // namespace precsim::conversion
