// How products are computed: by simulation, by native kernels, or by both.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "sim/arith/reduce.hpp"
#include "sim/kernels/multiply.hpp"
#include "sim/kernels/native/code_squares.hpp"
#include "sim/kernels/native/epilogue.hpp"
#include "sim/kernels/tile.hpp"

namespace precsim::kernels {

enum class Engine : std::uint8_t {
  simulate,  ///< with telemetry
  native,    ///< the fastest kernels; of telemetry only chain length and proof
  check,     ///< native against a simulation by other_tile_kernel(), bit by bit, and 64 outputs by the plain reference
};
struct EngineEntry {
  Engine engine;
  std::string_view name;
  std::string_view meaning;
};
std::span<const EngineEntry> engines();
/// Raises UserError listing the engines.
Engine parse_engine(std::string_view name);
std::string_view name(Engine engine);

/// One side of a product: a tensor in its logical order, of codes under one exponent or of FP32 numbers, or a tensor
/// or matrix that was converted for this use.
struct Operand {
  std::span<const std::int16_t> codes = {};
  int exponent = 0;
  std::span<const float> values = {};
  std::optional<Matrix> matrix = {};
  const native::CodeSquares* squares = nullptr;  ///< of the codes: spares proofs reading them
  std::shared_ptr<const BlockedTensor> blocked = nullptr;

  formats::OperandKind kind() const {
    return blocked         ? blocked->format->kind()
           : matrix        ? matrix->kind
           : codes.empty() ? formats::OperandKind::floating
                           : formats::OperandKind::integer;
  }
};

/// A product before its operands are laid out; they are of one kind.
struct ProductCall {
  const ConvShape& shape;
  Pass pass;
  const Operand& left;
  const Operand& right;
  const Accumulators& accumulators;
  formats::RandomBits bits;
  std::span<const float> bias = {};                 ///< forward: by output channel, one FP32 add after the last spill
  native::ChannelStatistics* statistics = nullptr;  ///< forward: taken of the finished result

  formats::OperandKind meet() const { return formats::meeting(left.kind(), right.kind()); }
  bool is_integer() const { return meet() == formats::OperandKind::integer; }
};

/// Two ways to the same result gave different bits: a sentence that says where and both values.
class EngineDifference : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Of the result's element `index`; other differences are of batch statistics.
class OutputDifference : public EngineDifference {
 public:
  OutputDifference(std::string_view other, std::int64_t index, float simulated, float different);

  std::string_view other;  ///< who gave `different`: "the native kernel" or "the reference"
  std::int64_t index;
  float simulated, different;
};

/// What follows the last spill: the bias, and then the statistics, where the call asks for them.
void finish(const ProductCall& call, std::span<float> result, const TileKernel* kernel);

/// The result of a product; `kernel`: null for the fastest. The same bits for every engine and kernel, for finite
/// operands; what infinities and NaN give in padding and the holes of a stride depends on the engine.
/// `level` matters where there is a simulation; native results have Telemetry::measured == false.
/// Raises EngineDifference under `check`, at the first differing output or, where all agree, statistic.
void multiply(const ProductCall& call, Engine engine, std::span<float> result, TelemetryLevel level,
              Telemetry& telemetry, const TileKernel* kernel = nullptr);

/// One row of an operand along the reduction, straight from the definition of the product (source_index), or from the
/// matrix that was converted for this use: what one output is made of.
struct OperandLine {
  std::vector<std::int16_t> codes;      ///< of integer products: the zero after an odd channel count included
  std::vector<float> values;            ///< of all others
  std::vector<std::int16_t> exponents;  ///< of integers and scaled numbers: one per block of the row
  std::int64_t block_stride = 0, block = 0;

  /// `integer`: both operands of the call are.
  OperandLine(const ProductCall& call, Side side, std::int64_t group, std::int64_t row, bool integer);
  arith::IntegerOperand integers() const { return {codes, exponents.data(), block_stride}; }
  arith::ScaledOperand scaled() const { return {values, exponents.data(), block_stride}; }
  std::int64_t length() const { return static_cast<std::int64_t>(std::max(codes.size(), values.size())); }
};

/// One output by the plain reference, straight from the definition of the product (source_index): element `index` of
/// the result of a call whose telemetry says which chain was used.
float reference_output(const ProductCall& call, const Telemetry& telemetry, std::int64_t group, std::int64_t row,
                       std::int64_t column);

}  // namespace precsim::kernels
