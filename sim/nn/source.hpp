// Tensors as they are read: from memory, from stored codes, or computed anew by every reader.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "formats/format.hpp"
#include "sim/kernels/elementwise.hpp"
#include "sim/kernels/native/code_squares.hpp"
#include "sim/kernels/native/epilogue.hpp"
#include "sim/kernels/threads.hpp"
#include "sim/kernels/tile.hpp"
#include "sim/nn/tensor.hpp"

namespace precsim::nn {

/// The smallest and the largest number of a tensor.
struct Range {
  float min, max;
};

/// The largest magnitude of a tensor lies between these, and is one of them where they are equal.
struct AbsmaxBounds {
  float least, most;
};

/// A tensor that can be read any number of times, by several threads, in runs of whole pixels. A layer that works
/// element by element returns a source that computes its numbers from its inputs' when they are read: a chain of such
/// layers passes over runs in the first-level cache, and only what is stored at its end reaches memory.
class Source {
 public:
  virtual ~Source() = default;
  virtual const Shape& shape() const = 0;
  /// The `count` pixels from `first` on, all channels: where they lie in memory, or `out`, filled with them.
  virtual const float* read(std::int64_t first, std::int64_t count, float* out) const = 0;
  /// The same, a mask on them being left to the reader.
  virtual kernels::MaskedNumbers read_masked(std::int64_t first, std::int64_t count, float* out) const {
    return {.numbers = read(first, count, out)};
  }
  /// Known without reading, and only where every number is finite.
  virtual std::optional<Range> range() const { return std::nullopt; }
  /// Likewise.
  virtual std::optional<AbsmaxBounds> absmax_bounds() const;
};
using SourcePtr = std::shared_ptr<const Source>;

/// A tensor in memory (numerics 6): FP32 values, or the codes of an integer format under one exponent, which stand for
/// the numbers that every consumer reads.
struct Stored final : Source {
  Tensor tensor;  ///< values: empty where there are codes
  Array<std::int16_t> codes;
  int exponent = 0;
  formats::FormatPtr format;                                             ///< of the codes
  const kernels::TileKernel* kernel = nullptr;                           ///< decodes them; null: the fastest
  std::int64_t bytes = 0;                                                ///< what the stored form takes
  std::shared_ptr<const kernels::native::ChannelStatistics> statistics;  ///< of FP32 values, where they were taken
  std::shared_ptr<const kernels::native::CodeSquares> squares;           ///< of the codes, likewise

  Stored() = default;
  explicit Stored(Tensor values)
      : tensor(std::move(values)), bytes(tensor.shape.size() * static_cast<std::int64_t>(sizeof(float))) {}
  const Shape& shape() const override { return tensor.shape; }
  const float* read(std::int64_t first, std::int64_t count, float* out) const override;
  std::optional<Range> range() const override;  ///< from the statistics
  const Array<float>& values() const;           ///< FP32 only
};
using StoredPtr = std::shared_ptr<const Stored>;

/// FP32 numbers that belong to somebody else.
class View final : public Source {
 public:
  View(std::span<const float> values, const Shape& shape) : values_(values), shape_(shape) {}
  const Shape& shape() const override { return shape_; }
  const float* read(std::int64_t first, std::int64_t, float*) const override {
    return values_.data() + first * shape_.c;
  }

 private:
  std::span<const float> values_;
  Shape shape_;
};

/// The source itself where it is in memory, else all its numbers.
StoredPtr in_memory(const SourcePtr& source, std::pmr::memory_resource* memory);
/// The same with FP32 values: codes are decoded.
StoredPtr values_in_memory(const SourcePtr& source, std::pmr::memory_resource* memory);
/// All its numbers.
Tensor evaluate(const Source& source, std::pmr::memory_resource* memory = std::pmr::new_delete_resource());
void evaluate(const Source& source, std::span<float> to);

/// Pixels of a run: about 16 KiB of numbers, and a multiple of 4 elements.
std::int64_t run_pixels(const Shape& shape);
/// Calls f(first, count) for all runs of a tensor, shared among threads.
template <class F>
void for_runs(const Shape& shape, F f) {
  const std::int64_t run = run_pixels(shape);
#pragma omp parallel for schedule(static) if (kernels::worth_threads(shape.size()))
  for (std::int64_t first = 0; first < shape.pixels(); first += run) {
    f(first, std::min(run, shape.pixels() - first));
  }
}

/// Room for one run on the thread that asks, given back in reverse order.
class RunScratch {
 public:
  explicit RunScratch(std::int64_t numbers);
  ~RunScratch();
  RunScratch(const RunScratch&) = delete;
  RunScratch& operator=(const RunScratch&) = delete;
  float* data() { return data_; }

 private:
  float* data_;
};

/// Over all pixels, as native::ChannelStatistics says.
kernels::native::ChannelStatistics channel_statistics(const Source& source, const kernels::TileKernel* kernel);
/// The sums alone.
std::vector<double> channel_sums(const Source& source, const kernels::TileKernel* kernel);

}  // namespace precsim::nn
