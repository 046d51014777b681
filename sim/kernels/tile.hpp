// The table of kernels: for every instruction set, the functions of the simulation and of the native engine.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "formats/array_kernel.hpp"
#include "sim/kernels/audit_kernel.hpp"
#include "sim/kernels/elementwise.hpp"
#include "sim/kernels/float_accumulate.hpp"
#include "sim/kernels/native/native_kernel.hpp"

namespace precsim::kernels {

/// One row of the table: an instruction set and its functions.
struct TileKernel {
  std::string_view name;
  std::string_view architecture;
  bool (*usable)();
  /// The sum of squares of `count` codes; at most 2^33 of them.
  std::uint64_t (*squares)(const std::int16_t* codes, std::int64_t count);
  const AuditKernel* audit;
  const FloatKernel* floats;
  const ElementwiseKernel* elementwise;
  const native::NativeKernel* native;
  std::string_view arrays;  ///< the row of formats::array_kernels() with the same instructions
};

/// Fastest first; the portable row is last and always usable.
std::span<const TileKernel> tile_kernels();
/// The first usable row.
const TileKernel& best_tile_kernel();

/// The row of that name. Raises UserError listing the rows when there is none, or when this CPU cannot run it.
const TileKernel& find_tile_kernel(std::string_view name);

/// The first usable row that shares neither loops nor audit with `kernel`; `kernel` itself where there is none.
const TileKernel& other_tile_kernel(const TileKernel& kernel);

/// The row given; null: the fastest.
const TileKernel& tile_kernel(const TileKernel* kernel);
/// The array conversions of the same instruction set; null: the fastest.
const formats::ArrayKernel& array_kernel(const TileKernel* kernel);
/// Its element-wise kernels.
const ElementwiseKernel& elementwise_kernel(const TileKernel* kernel);

}  // namespace precsim::kernels
