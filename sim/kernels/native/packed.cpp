// Packing of whole matrices.
#include "sim/kernels/native/packed.hpp"

#include <algorithm>
#include <type_traits>

#include "sim/kernels/native/packing.hpp"
#include "sim/kernels/native/semantics.hpp"
#include "sim/kernels/threads.hpp"

namespace precsim::kernels::native {
namespace {

template <class T>
std::int64_t steps_of(std::int64_t length) {
  return (length + products_per_step<T> - 1) / products_per_step<T>;
}

/// Step s of a row of `length`; an odd last code is paired with zero.
template <class T>
Word word_at(const T* row, std::int64_t s, std::int64_t length) {
  if constexpr (std::is_same_v<T, float>) {
    return reinterpret_cast<const Word*>(row)[s];
  } else {
    const Word high = 2 * s + 1 < length ? static_cast<std::uint16_t>(row[2 * s + 1]) : 0;
    return static_cast<std::uint16_t>(row[2 * s]) | high << 16;
  }
}

/// One tile or panel: rows [first, last) as [step][width], zeros beyond the last row.
template <class T>
void interleave(const NativeKernel& kernel, const T* matrix, std::int64_t first, std::int64_t last, std::int64_t length,
                std::int64_t stride, std::int64_t width, Word* to) {
  const Word* rows[panel_lanes] = {};
  for (std::int64_t row = first; row < last; ++row) {
    rows[row - first] = reinterpret_cast<const Word*>(matrix + row * stride);
  }
  const std::int64_t whole = length / products_per_step<T>;
  packing(kernel).rows(rows, whole, to, width);
  for (std::int64_t s = whole; s < steps_of<T>(length); ++s) {
    for (std::int64_t j = 0; j < width; ++j) {
      to[s * width + j] = first + j < last ? word_at(matrix + (first + j) * stride, s, length) : 0;
    }
  }
}

}  // namespace

template <class T>
void PackedRows::pack(const NativeKernel& kernel, const T* matrix, std::int64_t rows, std::int64_t length,
                      std::int64_t stride) {
  integer_ = !std::is_same_v<T, float>;
  length_ = length;
  width_ = kernel.fma.rows[kernel.panels - 1];
  rows_ = rows;
  steps_ = steps_of<T>(length);
  const std::int64_t tile_words = width_ * steps_;
  words_ = memory_.at_least(tiles() * tile_words);
#pragma omp parallel for schedule(static) if (worth_threads(rows * length))
  for (std::int64_t tile = 0; tile < tiles(); ++tile) {
    interleave(kernel, matrix, first_row(tile), first_row(tile + 1), length, stride, width_,
               words_ + tile * tile_words);
  }
}

template <class T>
void PackedColumns::pack(const NativeKernel& kernel, const T* matrix, std::int64_t columns, std::int64_t length,
                         std::int64_t stride) {
  integer_ = !std::is_same_v<T, float>;
  columns_ = columns;
  length_ = length;
  steps_ = steps_of<T>(length);
  words_ = memory_.at_least(padded_columns(columns) * steps_);
  const std::int64_t panel_words = panel_lanes * steps_;
#pragma omp parallel for schedule(static) if (worth_threads(columns * length))
  for (std::int64_t panel = 0; panel < padded_columns(columns) / panel_lanes; ++panel) {
    const std::int64_t first = panel * panel_lanes;
    interleave(kernel, matrix, first, std::min(first + panel_lanes, columns), length, stride, panel_lanes,
               words_ + panel * panel_words);
  }
}

template void PackedRows::pack(const NativeKernel&, const std::int16_t*, std::int64_t, std::int64_t, std::int64_t);
template void PackedRows::pack(const NativeKernel&, const float*, std::int64_t, std::int64_t, std::int64_t);
template void PackedColumns::pack(const NativeKernel&, const std::int16_t*, std::int64_t, std::int64_t, std::int64_t);
template void PackedColumns::pack(const NativeKernel&, const float*, std::int64_t, std::int64_t, std::int64_t);

}  // namespace precsim::kernels::native
