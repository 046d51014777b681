// The two sides of a matrix product in the order that tiles read, packed once for many products.
#pragma once

#include <algorithm>
#include <cstdint>

#include "sim/kernels/native/pack.hpp"

namespace precsim::kernels::native {

/// The left side: rows x length, row i at `matrix` + i * stride, the reduction fastest. T: int16_t (codes) or float.
/// Memory: 4 bytes per step (pair of codes or number) of every row, rows rounded up to the kernel's tiles.
class PackedRows {
 public:
  PackedRows() = default;
  template <class T>
  PackedRows(const NativeKernel& kernel, const T* matrix, std::int64_t rows, std::int64_t length, std::int64_t stride) {
    pack(kernel, matrix, rows, length, stride);
  }
  /// For tiles of this kernel only. Memory of what was packed before is used again.
  template <class T>
  void pack(const NativeKernel& kernel, const T* matrix, std::int64_t rows, std::int64_t length, std::int64_t stride);

  bool is_integer() const { return integer_; }
  std::int64_t rows() const { return rows_; }
  std::int64_t length() const { return length_; }
  const Word* words() const { return words_; }
  std::int64_t steps() const { return steps_; }     ///< of every row
  std::int64_t row_step() const { return width_; }  ///< words between steps; rows of a tile are neighbors
  std::int64_t tiles() const { return (rows_ + width_ - 1) / width_; }
  std::int64_t first_row(std::int64_t tile) const { return rows_ * tile / std::max<std::int64_t>(1, tiles()); }

 private:
  bool integer_ = false;
  std::int64_t rows_ = 0, length_ = 0, steps_ = 0, width_ = 1;
  KeptBuffer memory_;
  Word* words_ = nullptr;  ///< [tile][step][width]
};

/// The right side: columns x length, column j of the result at `matrix` + j * stride, the reduction fastest.
/// Memory: 4 bytes per step of every column, columns rounded up to panels.
class PackedColumns {
 public:
  PackedColumns() = default;
  template <class T>
  PackedColumns(const NativeKernel& kernel, const T* matrix, std::int64_t columns, std::int64_t length,
                std::int64_t stride) {
    pack(kernel, matrix, columns, length, stride);
  }
  /// In the same form for all kernels. Memory of what was packed before is used again.
  template <class T>
  void pack(const NativeKernel& kernel, const T* matrix, std::int64_t columns, std::int64_t length,
            std::int64_t stride);

  bool is_integer() const { return integer_; }
  std::int64_t columns() const { return columns_; }
  std::int64_t length() const { return length_; }
  std::int64_t steps() const { return steps_; }  ///< of every panel
  const Word* words() const { return words_; }

 private:
  bool integer_ = false;
  std::int64_t columns_ = 0, length_ = 0, steps_ = 0;
  KeptBuffer memory_;
  Word* words_ = nullptr;  ///< [panel][step][panel_lanes]
};

}  // namespace precsim::kernels::native
