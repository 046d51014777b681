// Sums over the pixels of a tensor by channel, in the one order they have (numerics 6).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <vector>

#include "sim/kernels/native/epilogue.hpp"
#include "sim/kernels/threads.hpp"
#include "sim/nn/source.hpp"

namespace precsim::nn {

/// FP32 partials of every block of pixels_per_block consecutive flattened pixels, `kinds` of them per channel.
/// Memory: 4 bytes per block, channel and kind.
template <std::size_t kinds>
class BlockSums {
 public:
  explicit BlockSums(const Shape& shape)
      : shape_(shape), blocks_((shape.pixels() + block - 1) / block), partials_(blocks_ * shape.c * size()) {
    partials_.fill(0);
  }
  float* partial(std::size_t kind) { return partials_.data() + static_cast<std::int64_t>(kind) * blocks_ * shape_.c; }

  /// Calls add(first, count, room, partials) for runs of pixels, in order within each block, blocks shared among
  /// threads; room: for the numbers of a run; partials: of the run's block, [channel] of every kind.
  template <class Add>
  void add(Add add_run) {
    const std::int64_t run = std::min(run_pixels(shape_), block);
#pragma omp parallel if (kernels::worth_threads(shape_.size()))
    {
      RunScratch scratch(run * shape_.c);
#pragma omp for schedule(static)
      for (std::int64_t b = 0; b < blocks_; ++b) {
        std::array<float*, kinds> partials;
        for (std::size_t kind = 0; kind < kinds; ++kind) {
          partials[kind] = partial(kind) + b * shape_.c;
        }
        const std::int64_t end = std::min(shape_.pixels(), (b + 1) * block);
        for (std::int64_t first = b * block; first < end; first += run) {
          const std::int64_t count = std::min(run, end - first);
          add_run(first, count, scratch.data(), partials);
        }
      }
    }
  }

  /// The largest partials.
  std::vector<float> largest(std::size_t kind) {
    std::vector<float> largest(static_cast<std::size_t>(shape_.c), -std::numeric_limits<float>::infinity());
    const float* at = partial(kind);
    for (std::int64_t b = 0; b < blocks_; ++b) {
      for (float& value : largest) {
        value = std::max(value, *at++);
      }
    }
    return largest;
  }

  /// Block partials joined in double, in order.
  std::vector<double> joined(std::size_t kind) {
    std::vector<double> sums(static_cast<std::size_t>(shape_.c), 0.0);
    const float* at = partial(kind);
    for (std::int64_t b = 0; b < blocks_; ++b) {
      for (double& sum : sums) {
        sum += static_cast<double>(*at++);
      }
    }
    return sums;
  }

 private:
  static constexpr std::int64_t block = kernels::native::pixels_per_block;
  static constexpr std::int64_t size() {
    return static_cast<std::int64_t>(kinds);
  }

  Shape shape_;
  std::int64_t blocks_;
  Array<float> partials_;
};

}  // namespace precsim::nn
