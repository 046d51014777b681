// Tests that products of packed operands equal the simulation in every bit, for every kernel this CPU can run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <limits>
#include <vector>

#include "sim/kernels/engine.hpp"
#include "sim/kernels/native/gemm.hpp"
#include "tests/support/product_support.hpp"
#include "tests/support/sample.hpp"

namespace precsim::kernels {
namespace {

using support::draw_codes;
using support::draw_floats;
using support::Sample;

struct Size {
  std::int64_t m, n, k;
};
constexpr Size sizes[] = {{1, 1, 1},     {7, 16, 3},    {14, 32, 64}, {15, 33, 65},
                          {29, 47, 131}, {6, 97, 1030}, {61, 1, 515}};
constexpr std::int64_t gap = 3;  // elements behind every row that belong to nobody

template <class T>
std::vector<T> with_gaps(const std::vector<T>& rows, std::int64_t length, T filler) {
  std::vector<T> out;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    out.push_back(rows[i]);
    if ((i + 1) % static_cast<std::size_t>(length) == 0) {
      out.insert(out.end(), gap, filler);
    }
  }
  return out;
}

template <class T>
void compare(const Size& size, const std::vector<T>& left, const std::vector<T>& right, T filler,
             const native::Semantics& semantics, const std::vector<float>& expected) {
  const auto a = with_gaps(left, size.k, filler);
  const auto b = with_gaps(right, size.k, filler);
  for (const TileKernel& kernel : tile_kernels()) {
    if (!kernel.usable()) {
      continue;
    }
    const native::PackedRows rows(*kernel.native, a.data(), size.m, size.k, size.k + gap);
    const native::PackedColumns columns(*kernel.native, b.data(), size.n, size.k, size.k + gap);
    std::vector<float> actual(expected.size() + gap, std::numeric_limits<float>::quiet_NaN());
    native::gemm(*kernel.native, rows, columns, semantics, actual.data());
    for (std::size_t i = 0; i < actual.size(); ++i) {
      const auto bits = i < expected.size() ? std::bit_cast<std::uint32_t>(expected[i]) : 0x7fc00000u;
      ASSERT_EQ(std::bit_cast<std::uint32_t>(actual[i]), bits)
          << kernel.name << ", " << size.m << " x " << size.n << " x " << size.k << ", chain " << semantics.chain
          << ", exponent " << semantics.exponent << ", element " << i;
    }
  }
}

TEST(PackedGemm, CodesEqualTheSimulation) {
  Sample sample(17);
  for (const Size& size : sizes) {
    for (const auto overflow : {arith::OverflowRule::wrap, arith::OverflowRule::saturate}) {
      for (const std::int64_t chain : {std::int64_t{2}, std::int64_t{64}, std::int64_t{96}, arith::chain_to_end}) {
        for (const int exponent : {-149, -126, 90}) {
          const auto left = draw_codes(support::Fill::uniform, static_cast<std::size_t>(size.m * size.k), sample);
          const auto right = draw_codes(support::Fill::uniform, static_cast<std::size_t>(size.n * size.k), sample);
          const Operand a{.codes = left, .exponent = exponent};
          const Operand b{.codes = right};
          Accumulators accumulators;
          accumulators.integer.chain = chain;
          accumulators.integer.overflow = overflow;
          std::vector<float> expected(static_cast<std::size_t>(size.m * size.n));
          Telemetry telemetry;
          multiply({ConvShape::gemm(size.m, size.n, size.k), Pass::forward, a, b, accumulators, {}}, Engine::simulate,
                   expected, TelemetryLevel::events, telemetry);
          compare<std::int16_t>(size, left, right, -32768, {chain, overflow, exponent}, expected);
        }
      }
    }
  }
}

TEST(PackedGemm, NumbersEqualTheSimulation) {
  Sample sample(18);
  for (const Size& size : sizes) {
    const auto left = draw_floats(support::Fill::uniform, static_cast<std::size_t>(size.m * size.k), sample);
    const auto right = draw_floats(support::Fill::uniform, static_cast<std::size_t>(size.n * size.k), sample);
    const Operand a{.values = left};
    const Operand b{.values = right};
    const Accumulators accumulators;
    std::vector<float> expected(static_cast<std::size_t>(size.m * size.n));
    Telemetry telemetry;
    multiply({ConvShape::gemm(size.m, size.n, size.k), Pass::forward, a, b, accumulators, {}}, Engine::simulate,
             expected, TelemetryLevel::events, telemetry);
    compare<float>(size, left, right, std::numeric_limits<float>::infinity(), {}, expected);
  }
}

}  // namespace
}  // namespace precsim::kernels
