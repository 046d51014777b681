// Packing of whole matrices.
#include "sim/kernels/native/packed.hpp"

#include <algorithm>
#include <type_traits>

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

/// Blocks of `width` neighboring rows, [block][step][width], zeros beyond the last row.
template <class T>
void interleave(const T* matrix, std::int64_t rows, std::int64_t length, std::int64_t stride, std::int64_t width,
                Word* to) {
  const std::int64_t steps = steps_of<T>(length);
#pragma omp parallel for schedule(static) if (worth_threads(rows * steps))
  for (std::int64_t first = 0; first < rows; first += width) {
    for (std::int64_t j = 0; j < width; ++j) {
      Word* lane = to + first * steps + j;
      for (std::int64_t s = 0; s < steps; ++s) {
        lane[s * width] = first + j < rows ? word_at(matrix + (first + j) * stride, s, length) : 0;
      }
    }
  }
}

std::int64_t rounded_up(std::int64_t count, std::int64_t unit) {
  return (count + unit - 1) / unit * unit;
}

}  // namespace

template <class T>
PackedRows::PackedRows(const NativeKernel&, const T* matrix, std::int64_t rows, std::int64_t length,
                       std::int64_t stride)
    : integer_(!std::is_same_v<T, float>),
      length_(length),
      words_(rounded_up(rows, packed_rows) * steps_of<T>(length)) {
  for (std::int64_t row = 0; row < rows; ++row) {
    starts_.push_back(row / packed_rows * packed_rows * steps_of<T>(length) + row % packed_rows);
  }
  interleave(matrix, rows, length, stride, packed_rows, words_.data());
}

template <class T>
PackedColumns::PackedColumns(const T* matrix, std::int64_t columns, std::int64_t length, std::int64_t stride)
    : integer_(!std::is_same_v<T, float>),
      columns_(columns),
      length_(length),
      words_(padded_columns(columns) * steps_of<T>(length)) {
  interleave(matrix, columns, length, stride, panel_lanes, words_.data());
}

template PackedRows::PackedRows(const NativeKernel&, const std::int16_t*, std::int64_t, std::int64_t, std::int64_t);
template PackedRows::PackedRows(const NativeKernel&, const float*, std::int64_t, std::int64_t, std::int64_t);
template PackedColumns::PackedColumns(const std::int16_t*, std::int64_t, std::int64_t, std::int64_t);
template PackedColumns::PackedColumns(const float*, std::int64_t, std::int64_t, std::int64_t);

}  // namespace precsim::kernels::native
