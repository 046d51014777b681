// One segment of one tensor through every conversion: what a thread does.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "experiments/analysis/block_errors.hpp"
#include "experiments/tensor_files/block_grid.hpp"
#include "formats/catalogue.hpp"
#include "formats/random_bits.hpp"
#include "formats/statistics_sums.hpp"

namespace precsim::analysis {

/// The smallest and the largest finite element, 0 if there is none.
struct Range {
  float min = 0, max = 0;
};
/// Widens to the finite elements of x; without `signs` to both signs of their absmax, which is faster.
void widen(Range& range, std::span<const float> x, bool signs);

/// How one conversion meets one tensor.
struct TensorConversion {
  formats::Conversion conversion;
  tensor_files::BlockGrid grid;
  bool scaled = false;   ///< blocks have exponents, which depend on their elements
  bool tracked = false;  ///< there is more than the block that is the whole tensor by definition
  /// Of every block, where blocks are too long to be in memory at once; else null.
  std::shared_ptr<const std::vector<Range>> ranges = {};
};

/// One segment and the elements about it that complete the blocks which it cuts.
struct Unit {
  std::int64_t first = 0, count = 0;  ///< the segment
  std::int64_t data_first = 0;        ///< the element at data[0]
  const float* data = nullptr;
};

struct ConversionSums {
  formats::ErrorSums errors;
  BlockSums blocks;
  int exponent = 0;  ///< of the block at hand
};

struct UnitSums {
  formats::ReferenceSums reference;
  std::vector<ConversionSums> conversions;
};

/// Working memory of one thread.
struct UnitWorkspace {
  formats::StatisticsRun run;
  alignas(64) std::array<float, formats::statistics_run> converted{};
};

UnitSums sum_unit(const Unit& unit, std::span<const TensorConversion> conversions, const formats::RandomBits& bits,
                  bool keep_blocks, UnitWorkspace& workspace);

}  // namespace precsim::analysis
