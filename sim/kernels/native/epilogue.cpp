// Epilogues of forward products.
#include "sim/kernels/native/epilogue.hpp"

#include <algorithm>
#include <bit>
#include <limits>

namespace precsim::kernels::native {
namespace {

/// Some channels of a block of pixels, `row` values apart; null where there is nothing to add or to note.
struct Block {
  float* values;
  std::int64_t row, pixels, channels;
  float scale;
  const float* bias;
  float *sums, *squares, *min, *max;
};

#define PRECSIM_INLINE inline __attribute__((always_inline))

PRECSIM_INLINE void scale_and_add(const Block& block) {
  for (std::int64_t p = 0; p < block.pixels; ++p) {
    float* const row = block.values + p * block.row;
    if (block.scale != 1) {
      for (std::int64_t c = 0; c < block.channels; ++c) {
        row[c] *= block.scale;
      }
    }
    if (block.bias != nullptr) {
      for (std::int64_t c = 0; c < block.channels; ++c) {
        row[c] += block.bias[c];
      }
    }
  }
}

/// In strips of channels; every channel by itself in the order of its pixels.
PRECSIM_INLINE void note(const Block& block) {
  constexpr std::int64_t strip = 64;
  for (std::int64_t first = 0; first < block.channels; first += strip) {
    const std::int64_t count = block.channels - first < strip ? block.channels - first : strip;
    float sums[strip] = {};
    float squares[strip] = {};
    float min[strip];
    float max[strip];
    for (std::int64_t c = 0; c < count; ++c) {
      min[c] = std::numeric_limits<float>::infinity();
      max[c] = -std::numeric_limits<float>::infinity();
    }
    for (std::int64_t p = 0; p < block.pixels; ++p) {
      const float* const row = block.values + p * block.row + first;
      for (std::int64_t c = 0; c < count; ++c) {
        const float value = row[c];
        sums[c] += value;
        squares[c] += value * value;
        min[c] = value < min[c] ? value : min[c];
        max[c] = value > max[c] ? value : max[c];
      }
    }
    for (std::int64_t c = 0; c < count; ++c) {
      block.sums[first + c] = sums[c];
      block.squares[first + c] = squares[c];
      block.min[first + c] = min[c];
      block.max[first + c] = max[c];
    }
  }
}

PRECSIM_INLINE std::uint32_t largest_magnitude(const Block& block) {
  std::uint32_t most = 0;
  for (std::int64_t p = 0; p < block.pixels; ++p) {
    const auto* const row = reinterpret_cast<const Word*>(block.values + p * block.row);
    for (std::int64_t c = 0; c < block.channels; ++c) {
      const std::uint32_t magnitude = row[c] & 0x7fffffff;
      most = magnitude > most ? magnitude : most;
    }
  }
  return most;
}

PRECSIM_INLINE std::uint32_t run(const Block& block, bool absmax) {
  if (block.scale != 1 || block.bias != nullptr) {
    scale_and_add(block);
  }
  if (block.sums != nullptr) {
    note(block);
  }
  return absmax ? largest_magnitude(block) : 0;
}

std::uint32_t run_portable(const Block& block, bool absmax) {
  return run(block, absmax);
}

#if defined(__x86_64__)
__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))) std::uint32_t run_avx512(const Block& block,
                                                                                       bool absmax) {
  return run(block, absmax);
}

__attribute__((target("avx2"))) std::uint32_t run_avx2(const Block& block, bool absmax) {
  return run(block, absmax);
}
#endif

auto function_of([[maybe_unused]] const NativeKernel& kernel) {
#if defined(__x86_64__)
  if (&kernel == &avx512_vnni || &kernel == &avx512) {
    return run_avx512;
  }
  if (&kernel == &avx_vnni || &kernel == &avx2) {
    return run_avx2;
  }
#endif
  return run_portable;
}

}  // namespace

EpilogueRun::EpilogueRun(const NativeKernel& kernel, const Epilogue& epilogue, std::int64_t pixels,
                         std::int64_t channels, float* result)
    : kernel_(kernel), epilogue_(epilogue), channels_(channels), result_(result) {
  const std::int64_t blocks = (pixels + pixels_per_block - 1) / pixels_per_block;
  if (epilogue.statistics != nullptr) {
    for (std::vector<float>* partials : {&sums_, &squares_, &min_, &max_}) {
      partials->resize(static_cast<std::size_t>(blocks * channels));
    }
  }
}

void EpilogueRun::apply(std::int64_t first, std::int64_t last, std::int64_t first_channel, std::int64_t last_channel) {
  std::uint32_t most = 0;
  for (std::int64_t p = first; p < last; p += pixels_per_block) {
    const std::int64_t at = p / pixels_per_block * channels_ + first_channel;
    const auto partial = [&](std::vector<float>& partials) {
      return partials.empty() ? nullptr : partials.data() + at;
    };
    const Block block{result_ + p * channels_ + first_channel,
                      channels_,
                      std::min(pixels_per_block, last - p),
                      last_channel - first_channel,
                      epilogue_.scale,
                      epilogue_.bias.empty() ? nullptr : epilogue_.bias.data() + first_channel,
                      partial(sums_),
                      partial(squares_),
                      partial(min_),
                      partial(max_)};
    most = std::max(most, function_of(kernel_)(block, epilogue_.absmax != nullptr));
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
