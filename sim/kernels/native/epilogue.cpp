// Epilogues of forward products.
#include "sim/kernels/native/epilogue.hpp"

#include <algorithm>
#include <bit>
#include <limits>

#include "formats/error.hpp"

namespace precsim::kernels::native {

EpilogueRun::EpilogueRun(const Epilogue& epilogue, std::int64_t pixels, std::int64_t channels, float* result)
    : epilogue_(epilogue), channels_(channels), result_(result) {
  PRECSIM_CHECK(epilogue.is_empty() || epilogue.functions != nullptr, "an epilogue that nobody does");
  if (epilogue.statistics != nullptr) {
    const std::int64_t blocks = (pixels + pixels_per_block - 1) / pixels_per_block;
    const auto size = static_cast<std::size_t>(blocks * channels);
    sums_.resize(size);
    squares_.resize(size);
    min_.resize(size, std::numeric_limits<float>::infinity());
    max_.resize(size, -std::numeric_limits<float>::infinity());
  }
}

void EpilogueRun::apply(std::int64_t first, std::int64_t last, std::int64_t first_channel, std::int64_t last_channel) {
  const ElementwiseKernel& functions = *epilogue_.functions;
  std::uint32_t most = 0;
  for (std::int64_t p = first; p < last; p += pixels_per_block) {
    const PixelRun block{std::min(pixels_per_block, last - p), last_channel - first_channel, channels_};
    float* const values = result_ + p * channels_ + first_channel;
    if (epilogue_.scale != 1) {
      functions.scale(block, epilogue_.scale, values);
    }
    if (!epilogue_.bias.empty()) {
      functions.add_bias(block, epilogue_.bias.data() + first_channel, values);
    }
    if (epilogue_.statistics != nullptr) {
      const std::int64_t at = p / pixels_per_block * channels_ + first_channel;
      functions.statistics(block, values,
                           {sums_.data() + at, squares_.data() + at, min_.data() + at, max_.data() + at});
    }
    if (epilogue_.absmax != nullptr) {
      most = std::max(most, std::bit_cast<std::uint32_t>(functions.absmax(block, values)));
    }
  }
  std::uint32_t before = absmax_;
  while (before < most && !absmax_.compare_exchange_weak(before, most)) {
  }
}

void EpilogueRun::join() const {
  if (epilogue_.absmax != nullptr) {
    *epilogue_.absmax = std::bit_cast<float>(absmax_.load());
  }
  if (epilogue_.statistics == nullptr) {
    return;
  }
  ChannelStatistics& all = *epilogue_.statistics;
  const auto channels = static_cast<std::size_t>(channels_);
  all.sums.assign(channels, 0);
  all.squares.assign(channels, 0);
  all.min.assign(channels, std::numeric_limits<float>::infinity());
  all.max.assign(channels, -std::numeric_limits<float>::infinity());
  for (std::size_t i = 0; i < sums_.size(); ++i) {
    const std::size_t c = i % channels;
    all.sums[c] += static_cast<double>(sums_[i]);
    all.squares[c] += static_cast<double>(squares_[i]);
    all.min[c] = std::min(all.min[c], min_[i]);
    all.max[c] = std::max(all.max[c], max_[i]);
  }
}

}  // namespace precsim::kernels::native
