// Choosing how a product is computed, and comparing the ways.
#include "sim/kernels/engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <string>

#include "formats/error.hpp"
#include "formats/grammar.hpp"
#include "sim/kernels/native_multiply.hpp"
#include "sim/kernels/tensor_multiply.hpp"
#include "sim/kernels/threads.hpp"

namespace precsim::kernels {
namespace {

constexpr EngineEntry table[] = {
    {Engine::simulate, "simulate",
     "the contract step by step, with telemetry: where, when and by how much lanes overflow"},
    {Engine::native, "native", "the fastest kernels; of the telemetry only chain length and proof"},
    {Engine::check, "check",
     "native, and simulation by another instruction set's kernels; stops at the first differing bit, and recomputes 64 "
     "outputs of each product by the plain reference"},
};

constexpr int checked_outputs = 64;

void simulate_matrices(const ProductCall& call, std::span<float> result, TelemetryLevel level, Telemetry& telemetry,
                       const TileKernel* kernel) {
  const Matrix left = call.left.matrix ? Matrix{} : as_matrix(call, Side::left);
  const Matrix right = call.right.matrix ? Matrix{} : as_matrix(call, Side::right);
  multiply({call.shape, call.pass, call.left.matrix ? *call.left.matrix : left,
            call.right.matrix ? *call.right.matrix : right, call.accumulators, call.bits},
           result, level, telemetry, kernel);
}

void simulate(const ProductCall& call, std::span<float> result, TelemetryLevel level, Telemetry& telemetry,
              const TileKernel* kernel) {
  if (!multiply_proved_tensors(call, result, level, telemetry, tile_kernel(kernel))) {
    simulate_matrices(call, result, level, telemetry, kernel);
  }
  finish(call, result, kernel);
}

bool same_bits(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}

std::string value_text(float value) {
  return fmt::format("{:#010x} ({})", std::bit_cast<std::uint32_t>(value), value);
}
std::string value_text(double value) {
  return fmt::format("{:#018x} ({})", std::bit_cast<std::uint64_t>(value), value);
}

/// One statistic of every channel.
template <class T>
void check_statistic(std::string_view what, const std::vector<T>& simulated, const std::vector<T>& native) {
  const auto same = [](T x, T y) { return x == y || (x != x && y != y); };
  const auto [x, y] = std::ranges::mismatch(simulated, native, same);
  PRECSIM_CHECK((x == simulated.end()) == (y == native.end()), "statistics of more channels than there are");
  if (x != simulated.end()) {
    throw EngineDifference(fmt::format("{} of channel {}: {} by simulation, {} by the native kernel", what,
                                       x - simulated.begin(), value_text(*x), value_text(*y)));
  }
}

void check_statistics(const native::ChannelStatistics& simulated, const native::ChannelStatistics& native) {
  check_statistic("batch sum", simulated.sums, native.sums);
  check_statistic("batch sum of squares", simulated.squares, native.squares);
  check_statistic("smallest output", simulated.min, native.min);
  check_statistic("largest output", simulated.max, native.max);
}

void check_sample(const ProductCall& call, const Telemetry& telemetry, std::span<const float> result) {
  const ProductShape product = product_shape(call.shape, call.pass);
  formats::RandomBits bits = call.bits;
  bits.stream = formats::Stream::fill;
  const auto below = [&](std::uint64_t i, std::int64_t limit) {
    return static_cast<std::int64_t>((std::uint64_t{bits.word(i)} * static_cast<std::uint64_t>(limit)) >> 32);
  };
  for (std::uint64_t i = 0; i < checked_outputs; ++i) {
    const std::int64_t group = below(4 * i, product.groups);
    const std::int64_t row = below(4 * i + 1, product.rows);
    const std::int64_t column = below(4 * i + 2, product.columns);
    const std::int64_t index = result_index(call.shape, call.pass, group, row, column);
    const float expected = reference_output(call, telemetry, group, row, column);
    if (!same_bits(result[static_cast<std::size_t>(index)], expected)) {
      throw OutputDifference("the reference", index, result[static_cast<std::size_t>(index)], expected);
    }
  }
}

void check(const ProductCall& call, std::span<float> result, TelemetryLevel level, Telemetry& telemetry,
           const TileKernel* chosen) {
  const TileKernel& kernel = chosen == nullptr ? best_tile_kernel() : *chosen;
  const TileKernel& other = other_tile_kernel(kernel);
  simulate_matrices(call, result, level, telemetry, &other);  // whose chain is proved from the rows, not from tensors
  finish(call, result, &other);
  std::vector<float> native(result.size());
  Telemetry free;
  ProductCall again = call;
  native::ChannelStatistics statistics;
  again.statistics = call.statistics == nullptr ? nullptr : &statistics;
  multiply_native(again, native, free, kernel);
  for (std::size_t i = 0; i < result.size(); ++i) {
    if (!same_bits(result[i], native[i])) {
      throw OutputDifference("the native kernel", static_cast<std::int64_t>(i), result[i], native[i]);
    }
  }
  PRECSIM_CHECK(free.chain_length == telemetry.chain_length && free.proved == telemetry.proved,
                fmt::format("chains of {} (proved: {}) in simulation, {} ({}) natively", telemetry.chain_length,
                            telemetry.proved, free.chain_length, free.proved));
  if (call.statistics != nullptr) {
    check_statistics(*call.statistics, statistics);
  }
  check_sample(call, telemetry, result);
}

/// k of the products of one row, along the taps: codes or values, zeros where there is no element.
template <class T>
std::vector<T> gather(const ProductCall& call, Side side, std::span<const T> tensor, std::int64_t group,
                      std::int64_t row, bool even) {
  const ProductShape product = product_shape(call.shape, call.pass);
  std::vector<T> line;
  for (std::int64_t tap = 0; tap < product.taps; ++tap) {
    for (std::int64_t channel = 0; channel < product.channels; ++channel) {
      const std::int64_t at = source_index(call.shape, call.pass, side, group, row, tap, channel);
      line.push_back(at < 0 ? T{} : tensor[static_cast<std::size_t>(at)]);
    }
    if (even && product.channels % 2 != 0) {
      line.push_back(T{});
    }
  }
  return line;
}

}  // namespace

std::span<const EngineEntry> engines() {
  return table;
}

Engine parse_engine(std::string_view text) {
  for (const EngineEntry& row : table) {
    if (row.name == text) {
      return row.engine;
    }
  }
  throw formats::unknown_name("engine", text, text, table, &EngineEntry::name);
}

std::string_view name(Engine engine) {
  return table[static_cast<std::size_t>(engine)].name;
}

OutputDifference::OutputDifference(std::string_view who, std::int64_t at, float by_simulation, float by_other)
    : EngineDifference(fmt::format("output {}: {} by simulation, {} by {}", at, value_text(by_simulation),
                                   value_text(by_other), who)),
      other(who),
      index(at),
      simulated(by_simulation),
      different(by_other) {}

void finish(const ProductCall& call, std::span<float> result, const TileKernel* kernel) {
  const native::Epilogue epilogue{
      .bias = call.bias, .statistics = call.statistics, .functions = &elementwise_kernel(kernel)};
  if (epilogue.is_empty()) {
    return;
  }
  const std::int64_t channels = call.shape.oc;
  const std::int64_t pixels = static_cast<std::int64_t>(result.size()) / channels;
  native::EpilogueRun run(epilogue, pixels, channels, result.data());
#pragma omp parallel for schedule(static) if (worth_threads(pixels * channels))
  for (std::int64_t first = 0; first < pixels; first += native::pixels_per_block) {
    run.apply(first, std::min(pixels, first + native::pixels_per_block), 0, channels);
  }
  run.join();
}

OperandLine::OperandLine(const ProductCall& call, Side side, std::int64_t group, std::int64_t row, bool integer) {
  const Operand& operand = side == Side::left ? call.left : call.right;
  if (operand.matrix || operand.blocked) {
    const Matrix own = operand.matrix ? Matrix{} : as_matrix(call, side);
    const Matrix& matrix = operand.matrix ? *operand.matrix : own;
    if (integer) {
      codes.assign(matrix.row_codes(group, row), matrix.row_codes(group, row) + matrix.length());
    } else {
      values.assign(matrix.row_values(group, row), matrix.row_values(group, row) + matrix.length());
    }
    if (integer || matrix.is_scaled()) {
      const std::int64_t blocks = matrix.block_stride == 0 ? 1 : matrix.row_stride;
      exponents.assign(matrix.row_exponents(group, row), matrix.row_exponents(group, row) + blocks);
      block_stride = matrix.block_stride;
      block = matrix.block;
    }
  } else if (integer) {
    codes = gather(call, side, operand.codes, group, row, true);
    exponents = {static_cast<std::int16_t>(operand.exponent)};
  } else {
    values = gather(call, side, operand.values, group, row, false);
  }
}

float reference_output(const ProductCall& call, const Telemetry& telemetry, std::int64_t group, std::int64_t row,
                       std::int64_t column) {
  const auto with_bias = [&](float sum) {
    const std::int64_t channel = group * call.shape.group_oc() + column;
    return call.bias.empty() ? sum : sum + call.bias[static_cast<std::size_t>(channel)];
  };
  const OperandLine left(call, Side::left, group, row, call.is_integer());
  const OperandLine right(call, Side::right, group, column, call.is_integer());
  const auto index = static_cast<std::uint64_t>(result_index(call.shape, call.pass, group, row, column));
  const std::uint64_t first_word = index * static_cast<std::uint64_t>(left.length());
  const arith::ReductionLayout layout{left.length(), left.length() / product_shape(call.shape, call.pass).taps,
                                      left.block, right.block};
  switch (call.meet()) {
    case formats::OperandKind::integer:
      return with_bias(arith::reduce(left.integers(), right.integers(), arith::cut(layout, telemetry.chain_length),
                                     call.accumulators.integer, nullptr));
    case formats::OperandKind::scaled:
      return with_bias(arith::reduce(left.scaled(), right.scaled(), arith::cut(layout, arith::chain_to_end),
                                     call.accumulators.floating, call.bits, first_word));
    case formats::OperandKind::floating:
    case formats::OperandKind::storage_only:
      break;
  }
  return with_bias(arith::reduce(left.values, right.values, call.accumulators.floating, call.bits, first_word));
}

void multiply(const ProductCall& call, Engine engine, std::span<float> result, TelemetryLevel level,
              Telemetry& telemetry, const TileKernel* kernel) {
  switch (engine) {
    case Engine::simulate:
      return simulate(call, result, level, telemetry, kernel);
    case Engine::native:
      return multiply_native(call, result, telemetry, kernel == nullptr ? best_tile_kernel() : *kernel);
    case Engine::check:
      return check(call, result, level, telemetry, kernel);
  }
}

}  // namespace precsim::kernels
