// The tile kernels of the simulation: a few rows of one operand times sixteen rows of the other.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "formats/array_kernel.hpp"
#include "sim/arith/accumulator.hpp"
#include "sim/arith/chain.hpp"
#include "sim/kernels/float_accumulate.hpp"
#include "sim/kernels/native/native_kernel.hpp"
#include "sim/kernels/tile_size.hpp"

namespace precsim::kernels {

/// One chain of an integer tile. Codes: lanes[k * tile_lanes + j], widened, and rows[r][k], begin <= k < end;
/// end - begin < 2^31.
struct IntegerTile {
  const std::int16_t* rows[tile_rows];
  const std::int32_t* lanes;
  std::int64_t begin, end;
  arith::Atom atom;
  arith::OverflowRule rule;
};

/// What a chain leaves behind, per row and lane. The stepped kernel adds to `events` and sets `first` where it is -1.
struct IntegerTileState {
  std::int32_t lane[tile_rows][tile_lanes];
  std::int64_t true_sum[tile_rows][tile_lanes];
  std::uint32_t events[tile_rows][tile_lanes];
  std::int64_t first[tile_rows][tile_lanes];
};

/// The two factors of each output's spill (see arith::spill_factors).
struct SpillScale {
  float first[tile_rows][tile_lanes];
  float second[tile_rows][tile_lanes];
};

/// One row of the table: an instruction set and its functions.
struct TileKernel {
  std::string_view name;
  std::string_view architecture;
  bool (*usable)();
  /// A chain that provably cannot overflow: the lanes, which are the true sums.
  void (*proved_chain)(const IntegerTile&, IntegerTileState&);
  /// Any chain, step by step: lanes, true sums, events.
  void (*stepped_chain)(const IntegerTile&, IntegerTileState&);
  /// exact[r][j] = fma(a * b, scale[r][j], exact[r][j]) over the chain, in order.
  void (*exact_chain)(const IntegerTile&, const double (*scale)[tile_lanes], double (*exact)[tile_lanes]);
  /// The sum of squares of `count` codes; at most 2^33 of them.
  std::uint64_t (*squares)(const std::int16_t* codes, std::int64_t count);
  /// c[r][j] = fma(float(lane[r][j]) * first[r][j], second[r][j], c[r][j]): arith::spill with its two factors.
  void (*spill)(const IntegerTileState&, const SpillScale&, float (*c)[tile_lanes]);
  const FloatKernel* floats;
  const native::NativeKernel* native;
  std::string_view arrays;  ///< the row of formats::array_kernels() with the same instructions
};

/// Fastest first; the portable row is last and always usable.
std::span<const TileKernel> tile_kernels();
/// The first usable row.
const TileKernel& best_tile_kernel();

/// The row of that name. Raises UserError listing the rows when there is none, or when this CPU cannot run it.
const TileKernel& find_tile_kernel(std::string_view name);

/// The array conversions of the same instruction set; null: the fastest.
const formats::ArrayKernel& array_kernel(const TileKernel* kernel);

}  // namespace precsim::kernels
