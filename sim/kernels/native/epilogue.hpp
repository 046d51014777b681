// What follows the last spill of a forward product while its rows are in the cache.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "sim/kernels/elementwise.hpp"

namespace precsim::kernels::native {

/// Pixels of a block of the sums over pixels (numerics 6): 56 is a multiple of the pixel tiles 4, 7, 8, 14 and 28 and
/// divides or is divided by the rows of 56, 28, 14 and 7 pixels of the usual networks.
inline constexpr std::int64_t pixels_per_block = 56;

/// Of every channel over all pixels. Sums: FP32 in order within blocks of pixels_per_block consecutive flattened
/// pixels, block partials joined in double in order; squares are rounded to FP32 before they are added. NaN is left out
/// of min and max, which are infinities where nothing is left.
struct ChannelStatistics {
  std::vector<double> sums, squares;
  std::vector<float> min, max;
};

/// Each value becomes value * scale + bias[channel], two FP32 roundings; a scale of 1 and an empty bias change nothing.
/// Statistics and absmax are those of the values thus formed.
struct Epilogue {
  float scale = 1;
  std::span<const float> bias = {};
  ChannelStatistics* statistics = nullptr;
  float* absmax = nullptr;                       ///< NaN where there is one
  const ElementwiseKernel* functions = nullptr;  ///< who does it; needed unless there is nothing to do

  bool is_empty() const { return scale == 1 && bias.empty() && statistics == nullptr && absmax == nullptr; }
};

/// One epilogue over a result (pixels, channels). Working memory for statistics: 16 bytes per block and channel.
class EpilogueRun {
 public:
  EpilogueRun(const Epilogue& epilogue, std::int64_t pixels, std::int64_t channels, float* result);

  /// Finished pixels [first, last), each a multiple of pixels_per_block or the end of all; of channels [first_channel,
  /// last_channel). Threads may share these out: every place once.
  void apply(std::int64_t first, std::int64_t last, std::int64_t first_channel, std::int64_t last_channel);
  /// After all of them.
  void join() const;

 private:
  const Epilogue& epilogue_;
  std::int64_t channels_;
  float* result_;
  std::vector<float> sums_, squares_, min_, max_;  ///< [block][channel]
  std::atomic<std::uint32_t> absmax_{0};
};

}  // namespace precsim::kernels::native
