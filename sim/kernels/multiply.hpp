// The product of two operands under any semantics: the reference, and the simulation that equals it in every bit.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "sim/arith/accumulator.hpp"
#include "sim/kernels/matrix.hpp"
#include "sim/kernels/telemetry.hpp"

namespace precsim::kernels {

struct TileKernel;

/// The accumulators of one pass. Two integer operands meet in `integer`; two scaled ones block by block in `floating`,
/// spilled into FP32; otherwise both are taken as FP32 numbers and meet in `floating` (numerics 3, 5).
struct Accumulators {
  arith::IntegerAccumulator integer;
  arith::FloatAccumulator floating;
};

/// One product call: shape, pass, operands lowered for it, accumulators, and the draws of stochastic accumulators.
struct Product {
  const ConvShape& shape;
  Pass pass;
  const Matrix& left;
  const Matrix& right;
  const Accumulators& accumulators;
  formats::RandomBits bits;

  formats::OperandKind meet() const { return formats::meeting(left.kind, right.kind); }
  bool is_integer() const { return meet() == formats::OperandKind::integer; }
  bool is_scaled() const { return meet() == formats::OperandKind::scaled; }
};

/// The largest N of 512, 256, ... for which no chain can overflow (numerics 4, chain=auto), and whether the bound
/// proves it; N is at least 2 (pair4: 8) even where it does not. Squares are summed by `kernel`, null: the portable
/// one.
struct ProvedChain {
  std::int64_t length = 0;
  bool proved = false;
};
ProvedChain prove_chain(const Matrix& left, const Matrix& right, arith::Atom atom, const TileKernel* kernel = nullptr);
/// Whether chains of this length (or chain_to_end) provably cannot overflow.
bool is_proved(const Matrix& left, const Matrix& right, std::int64_t length, const TileKernel* kernel = nullptr);

/// The result tensor in its logical order (see result_index): output, input gradient or weight gradient, without bias.
/// The plain reference: one output after the other, one step after the other.
void multiply_reference(const Product& product, std::span<float> result, TelemetryLevel level, Telemetry& telemetry);

/// The same bits and the same telemetry, vectorized over outputs and split among OpenMP threads by outputs.
/// `kernel`: a row of tile_kernels(), or null for the fastest this CPU can run.
void multiply(const Product& product, std::span<float> result, TelemetryLevel level, Telemetry& telemetry,
              const TileKernel* kernel = nullptr);

}  // namespace precsim::kernels
