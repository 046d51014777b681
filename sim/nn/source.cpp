// Reading tensors in runs, and sums over their pixels.
#include "sim/nn/source.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "formats/convert_block.hpp"
#include "formats/error.hpp"
#include "sim/kernels/elementwise.hpp"
#include "sim/kernels/threads.hpp"
#include "sim/nn/pixel_sums.hpp"

namespace precsim::nn {
namespace {

constexpr std::int64_t run_numbers = 4096;

/// The scratch of one thread: rooms of all depths, each as large as was ever asked for.
struct Rooms {
  std::vector<Array<float>> rooms;
  std::size_t depth = 0;
};
Rooms& rooms() {
  thread_local Rooms own;
  return own;
}

}  // namespace

std::optional<AbsmaxBounds> Source::absmax_bounds() const {
  const std::optional<Range> known = range();
  if (!known) {
    return std::nullopt;
  }
  const float absmax = std::max(std::abs(known->min), std::abs(known->max));
  return AbsmaxBounds{absmax, absmax};
}

const float* Stored::read(std::int64_t first, std::int64_t count, float* out) const {
  const std::int64_t at = first * tensor.shape.c;
  if (codes.empty()) {
    return tensor.values.data() + at;
  }
  formats::decode_block(*format, codes.data() + at, count * tensor.shape.c, exponent, out,
                        kernels::array_kernel(kernel));
  return out;
}

std::optional<Range> Stored::range() const {
  if (statistics == nullptr || statistics->sums.empty()) {
    return std::nullopt;
  }
  // NaN is no extreme, but it is in the sum.
  const auto finite = [](auto number) { return std::isfinite(number); };
  const Range all{*std::ranges::min_element(statistics->min), *std::ranges::max_element(statistics->max)};
  const bool known = std::ranges::all_of(statistics->sums, finite) && finite(all.min) && finite(all.max);
  return known ? std::optional(all) : std::nullopt;
}

const Array<float>& Stored::values() const {
  PRECSIM_CHECK(codes.empty(), "FP32 values of a tensor of codes");
  return tensor.values;
}

StoredPtr in_memory(const SourcePtr& source, std::pmr::memory_resource* memory) {
  auto stored = std::dynamic_pointer_cast<const Stored>(source);
  return stored != nullptr ? stored : std::make_shared<Stored>(evaluate(*source, memory));
}

StoredPtr values_in_memory(const SourcePtr& source, std::pmr::memory_resource* memory) {
  auto stored = std::dynamic_pointer_cast<const Stored>(source);
  return stored != nullptr && stored->codes.empty() ? stored : std::make_shared<Stored>(evaluate(*source, memory));
}

Tensor evaluate(const Source& source, std::pmr::memory_resource* memory) {
  Tensor all(source.shape(), memory);
  evaluate(source, all.values);
  return all;
}

void evaluate(const Source& source, std::span<float> to) {
  for_runs(source.shape(), [&](std::int64_t first, std::int64_t count) {
    float* const out = to.data() + first * source.shape().c;
    const float* const numbers = source.read(first, count, out);
    if (numbers != out) {
      std::copy_n(numbers, count * source.shape().c, out);
    }
  });
}

std::int64_t run_pixels(const Shape& shape) {
  const std::int64_t pixels = std::max<std::int64_t>(run_numbers / shape.c, 1);
  const std::int64_t step = shape.c % 4 == 0 ? 1 : shape.c % 2 == 0 ? 2 : 4;
  return (pixels + step - 1) / step * step;
}

RunScratch::RunScratch(std::int64_t numbers) {
  Rooms& own = rooms();
  if (own.depth == own.rooms.size()) {
    own.rooms.emplace_back();
  }
  Array<float>& room = own.rooms[own.depth++];
  if (room.size() < static_cast<std::size_t>(numbers)) {
    room = Array<float>(numbers);
  }
  data_ = room.data();
}

RunScratch::~RunScratch() {
  --rooms().depth;
}

kernels::native::ChannelStatistics channel_statistics(const Source& source, const kernels::TileKernel* kernel) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const kernels::ElementwiseKernel& row = kernels::elementwise_kernel(kernel);
  const Shape& shape = source.shape();
  BlockSums<4> partials(shape);
  const std::int64_t all =
      (shape.pixels() + kernels::native::pixels_per_block - 1) / kernels::native::pixels_per_block * shape.c;
  std::fill_n(partials.partial(2), all, infinity);
  std::fill_n(partials.partial(3), all, -infinity);
  partials.add([&](std::int64_t first, std::int64_t count, float* room, const std::array<float*, 4>& to) {
    row.statistics({count, shape.c}, source.read(first, count, room), {to[0], to[1], to[2], to[3]});
  });
  kernels::native::ChannelStatistics result{partials.joined(0), partials.joined(1), {}, {}};
  result.min.assign(static_cast<std::size_t>(shape.c), infinity);
  result.max.assign(static_cast<std::size_t>(shape.c), -infinity);
  for (std::int64_t i = 0; i < all; ++i) {
    const auto c = static_cast<std::size_t>(i % shape.c);
    result.min[c] = std::min(result.min[c], partials.partial(2)[i]);
    result.max[c] = std::max(result.max[c], partials.partial(3)[i]);
  }
  return result;
}

std::vector<double> channel_sums(const Source& source, const kernels::TileKernel* kernel) {
  const kernels::ElementwiseKernel& row = kernels::elementwise_kernel(kernel);
  const std::int64_t channels = source.shape().c;
  BlockSums<1> partials(source.shape());
  partials.add([&](std::int64_t first, std::int64_t count, float* room, const std::array<float*, 1>& to) {
    row.sum({count, channels}, source.read(first, count, room), to[0]);
  });
  return partials.joined(0);
}

}  // namespace precsim::nn
