// What the tests of the native kernels share: every row of the table against the reference, and the rows that must run.
#pragma once

#include <gtest/gtest.h>
#include <omp.h>

#include <bit>
#include <cstdint>
#include <iostream>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "formats/cpu_features.hpp"
#include "sim/kernels/engine.hpp"
#include "tests/oracle/integer_oracle.hpp"
#include "tests/support/product_support.hpp"
#include "tests/support/sample.hpp"

namespace precsim::kernels {

/// The rows that there are, and what a CPU needs to run one, said independently of the table.
struct RequiredRow {
  std::string_view name;
  bool (*runs_on)(const formats::CpuFeatures&);
};
inline constexpr RequiredRow required_rows[] = {
#if defined(__x86_64__)
    {"avx512_vnni", [](const formats::CpuFeatures& cpu) { return cpu.avx512 && cpu.avx512_vnni; }},
    {"avx512", [](const formats::CpuFeatures& cpu) { return cpu.avx512; }},
    {"avx_vnni", [](const formats::CpuFeatures& cpu) { return cpu.avx2 && cpu.avx_vnni && cpu.fma; }},
    {"avx2", [](const formats::CpuFeatures& cpu) { return cpu.avx2 && cpu.fma; }},
#endif
    {"portable", [](const formats::CpuFeatures&) { return true; }},
};

/// Lets every usable row compute the same results and compares each with the expected bits.
class RowComparison {
 public:
  /// `compute` is called with a kernel and the span to be filled: poisoned, between guards, and at any alignment of
  /// floats; with 1, 2 and 3 threads in turn.
  template <class Compute>
  void compare(const std::vector<float>& expected, const std::string& what, Compute compute) {
    for (const TileKernel& kernel : tile_kernels()) {
      if (!kernel.usable()) {
        continue;
      }
      omp_set_num_threads(static_cast<int>(1 + turn_ % 3));
      const std::size_t before = guard + turn_ % 5;
      ++turn_;
      std::vector<float> memory(before + expected.size() + guard, std::bit_cast<float>(poison));
      compute(kernel, std::span<float>(memory.data() + before, expected.size()));
      check(memory, before, expected, what + ", " + std::string(kernel.name));
      ++runs_[kernel.name];
    }
    ++cases_;
  }

  std::uint64_t cases() const { return cases_; }

  /// Fails where a row that this CPU can run took no part; prints the rows.
  void expect_every_row() const {
    std::cout << cases_ << " products on:";
    for (const RequiredRow& row : required_rows) {
      const bool required = row.runs_on(formats::cpu_features());
      std::cout << ' ' << row.name << (required ? "" : " (not on this CPU)");
      const auto found = runs_.find(row.name);
      EXPECT_EQ(found == runs_.end() ? 0 : found->second, required ? cases_ : 0) << row.name;
    }
    std::cout << '\n';
    EXPECT_GT(cases_, 0u);
  }

 private:
  static constexpr std::uint32_t poison = 0x7fc0deadu;
  static constexpr std::size_t guard = 19;

  static void check(const std::vector<float>& memory, std::size_t before, const std::vector<float>& expected,
                    const std::string& what) {
    for (std::size_t i = 0; i < memory.size(); ++i) {
      const bool inside = i >= before && i < before + expected.size();
      const auto bits = std::bit_cast<std::uint32_t>(memory[i]);
      const std::uint32_t wanted = inside ? std::bit_cast<std::uint32_t>(expected[i - before]) : poison;
      ASSERT_EQ(bits, wanted) << what << ": " << (inside ? "output " : "memory beside the result, at output ")
                              << static_cast<std::int64_t>(i) - static_cast<std::int64_t>(before) << " is "
                              << memory[i];
    }
  }

  std::uint64_t turn_ = 0, cases_ = 0;
  std::map<std::string_view, std::uint64_t> runs_;
};

/// A tensor that begins at an odd multiple of its element's size, and ends with its allocation.
template <class T>
class OddTensor {
 public:
  explicit OddTensor(const std::vector<T>& elements) : memory_(1) {
    memory_.insert(memory_.end(), elements.begin(), elements.end());
    memory_.shrink_to_fit();
  }
  std::span<const T> span() const { return std::span<const T>(memory_).subspan(1); }
  const T* data() const { return memory_.data() + 1; }

 private:
  std::vector<T> memory_;
};

/// Stretches of 16 codes whose squares sum to 2^31 - 1, of either sign: alike on both sides, chains are on the bound.
inline std::vector<std::int16_t> on_bound_codes(std::size_t count, support::Sample& sample) {
  static const std::vector<std::int32_t> four = oracle::squares_to(std::numeric_limits<std::int32_t>::max());
  std::vector<std::int16_t> codes(count);
  bool negative = false;
  for (std::size_t i = 0; i < count; ++i) {
    negative = i % 16 == 0 ? sample.below(2) == 0 : negative;
    const std::int32_t code = i % 16 < four.size() ? four[i % 16] : 0;
    codes[i] = static_cast<std::int16_t>(negative && code != -32768 ? -code : code);
  }
  return codes;
}

/// The fills of codes that every kernel must meet.
struct CodeFill {
  std::string_view name;
  std::vector<std::int16_t> (*draw)(std::size_t, support::Sample&);
};
template <support::Fill fill>
std::vector<std::int16_t> draw(std::size_t count, support::Sample& sample) {
  return support::draw_codes(fill, count, sample);
}
inline constexpr CodeFill code_fills[] = {{"one_hot", draw<support::Fill::one_hot>},
                                          {"extremes", draw<support::Fill::extremes>},
                                          {"lowest", draw<support::Fill::all_lowest>},
                                          {"on_bound", on_bound_codes},
                                          {"uniform", draw<support::Fill::uniform>}};

/// One combination of what a product of codes can be asked for; every index below `count` is another one.
struct Combination {
  static constexpr std::size_t count = 2 * 5 * std::size(code_fills);
  static constexpr std::int64_t chains[] = {2, 16, 64, arith::chain_auto, arith::chain_to_end};

  explicit Combination(std::size_t index) : fill(code_fills[index / 10 % std::size(code_fills)]) {
    accumulator.overflow = index % 2 == 0 ? arith::OverflowRule::wrap : arith::OverflowRule::saturate;
    accumulator.chain = chains[index / 2 % 5];
  }
  arith::IntegerAccumulator accumulator;
  const CodeFill& fill;
};

inline std::string describe(const ConvShape& shape, Pass pass, const Accumulators& accumulators,
                            std::string_view fill) {
  return support::text(shape) + ", " + std::string(name(pass)) + ", " + accumulators.integer.name() + ", " +
         std::string(fill);
}

/// The result by the reference, and the telemetry that goes with it.
inline std::vector<float> by_reference(const ProductCall& call, Telemetry& telemetry) {
  const bool integer = call.is_integer();
  const auto matrix = [&](Side side) {
    const Operand& operand = side == Side::left ? call.left : call.right;
    return operand.matrix    ? *operand.matrix
           : operand.blocked ? as_matrix(call.shape, call.pass, side, *operand.blocked)
           : integer         ? lower(call.shape, call.pass, side, operand.codes, operand.exponent)
                             : lower(call.shape, call.pass, side, operand.values);
  };
  const Matrix left = matrix(Side::left);
  const Matrix right = matrix(Side::right);
  std::vector<float> result(support::result_size(call.shape, call.pass));
  multiply_reference({call.shape, call.pass, left, right, call.accumulators, call.bits}, result, TelemetryLevel::events,
                     telemetry);
  return result;
}

/// Every row's native product against the reference, with what native telemetry tells.
inline void compare_native(const ProductCall& call, const std::string& what, RowComparison& comparison) {
  Telemetry expected;
  comparison.compare(by_reference(call, expected), what, [&](const TileKernel& kernel, std::span<float> result) {
    Telemetry telemetry;
    multiply(call, Engine::native, result, TelemetryLevel::events, telemetry, &kernel);
    EXPECT_FALSE(telemetry.measured) << what;
    EXPECT_EQ(telemetry.chain_length, expected.chain_length) << what;
    EXPECT_EQ(telemetry.proved, expected.proved) << what;
    EXPECT_EQ(telemetry.chains, expected.chains) << what;
    EXPECT_EQ(telemetry.products, expected.products) << what;
  });
}

}  // namespace precsim::kernels
