// Tiles of floating-point accumulators: many outputs at once, an exact product, an exact sum and one rounding per step.
#pragma once

#include <array>
#include <cstdint>

#include "formats/float_format.hpp"
#include "sim/kernels/tile_size.hpp"

namespace precsim::kernels {

template <class Real>
struct RealBits;
template <>
struct RealBits<float> {
  using Word = std::uint32_t;
  static constexpr int fraction_bits = 23;
};
template <>
struct RealBits<double> {
  using Word = std::uint64_t;
  static constexpr int fraction_bits = 52;
};

/// A format under one rounding as lanes of float or double compute with it; words are bit patterns of magnitudes.
template <class Real>
struct LaneFormat {
  using Word = typename RealBits<Real>::Word;
  Real smallest_normal = 0;
  int dropped = 0;  ///< fraction bits of a lane below the last place of the format
  Word largest = 0;
  Word above_positive = 0, above_negative = 0;  ///< what finite values above the largest become
};
template <class Real>
LaneFormat<Real> lane_format(const formats::FloatFormat& format, formats::Rounding rounding);

/// Steps of a tile. Operands: lanes[k * tile_lanes + j] and rows[r][k], 0 <= k < steps, finite. Draws:
/// [(r * steps + k) * tile_lanes + j], random words with ones below their top r bits; only stochastic rounding reads
/// them. Every product must be a number of type Real.
template <class Real>
struct AccumulateTile {
  const Real* rows[tile_rows] = {};
  const Real* lanes = nullptr;
  std::int64_t steps = 0;
  LaneFormat<Real> sum;
  LaneFormat<Real> product;
  bool rounds_product = false;
  const std::uint32_t* sum_draws = nullptr;
  const std::uint32_t* product_draws = nullptr;
};

/// The sums so far, from zero on. `lost` is set where a product became infinite or NaN in a format of its own: what is
/// in that lane then means nothing.
template <class Real>
struct AccumulateState {
  Real sum[tile_rows][tile_lanes] = {};
  typename RealBits<Real>::Word lost[tile_rows][tile_lanes] = {};
};

/// FP32 numbers into which the sums of blocks are spilled, and where a sum was not finite (`lost` of its state counts
/// as well).
struct SpillState {
  float sum[tile_rows][tile_lanes] = {};
  std::uint32_t lost[tile_rows][tile_lanes] = {};
};

/// What the sums of one block are multiplied by: powers of two from 2^-149 to 2^127. FP32 need not hold their product.
struct SpillScales {
  float rows[tile_rows] = {};
  const float* lanes = nullptr;
};

/// exact[r][j] = RN(rows[r][k] * lanes[k * tile_lanes + j] + exact[r][j]) for k in order; the operands are FP32
/// numbers.
struct ExactTile {
  const double* rows[tile_rows] = {};
  const double* lanes = nullptr;
  std::int64_t steps = 0;
};

template <class Real>
using Accumulate = void (*)(const AccumulateTile<Real>&, AccumulateState<Real>&);

/// The functions of one instruction set, by RoundingMode. In `narrow`, stochastic rounding has none. `fma` is what
/// `narrow` would be of FP32 to nearest even. Spills: to[r][j] = RN32(sum[r][j] * rows[r] * lanes[j] + to[r][j]).
struct FloatKernel {
  Accumulate<float> fma;
  void (*spill_narrow)(const AccumulateState<float>&, const SpillScales&, SpillState& to);
  void (*spill_wide)(const AccumulateState<double>&, const SpillScales&, SpillState& to);
  std::array<Accumulate<float>, 8> narrow;
  std::array<Accumulate<double>, 8> wide;
  void (*exact)(const ExactTile&, double (*exact)[tile_lanes]);
};

namespace floats {
#if defined(__x86_64__)
extern const FloatKernel avx512, avx2;
#endif
extern const FloatKernel portable;
}  // namespace floats

/// The formats that lanes round to exactly as arith::accumulate does, whatever the finite operands (double), or where
/// additionally every product is an FP32 number of magnitude below 2^127 (float).
template <class Real>
bool lanes_round(const formats::FloatFormat& format, formats::Rounding rounding);

}  // namespace precsim::kernels
