// Tests that epilogues equal their plain definition in every bit: every row of the table, any number of threads.
#include "sim/kernels/native/epilogue.hpp"

#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "sim/kernels/engine.hpp"
#include "sim/kernels/native/conv.hpp"
#include "sim/kernels/tile.hpp"
#include "tests/support/product_support.hpp"
#include "tests/support/sample.hpp"

namespace precsim::kernels::native {
namespace {

using support::Sample;

/// Pixels just around blocks of 56 and runs of 448, ragged channels, groups, and few pixels with many channels, which
/// threads share by channels.
constexpr ConvShape shapes[] = {{1, 1, 1, 3, 1, 1, 1, 1, 0, 1},    {1, 5, 11, 4, 17, 3, 3, 1, 1, 1},
                                {1, 7, 8, 6, 33, 3, 3, 1, 1, 1},   {3, 19, 1, 2, 100, 1, 1, 1, 0, 1},
                                {9, 10, 10, 8, 70, 3, 3, 2, 1, 2}, {40, 8, 14, 5, 16, 1, 1, 1, 0, 1},
                                {60, 1, 1, 32, 700, 1, 1, 1, 0, 1}};

std::int64_t pixels_of(const ConvShape& shape) {
  return shape.n * shape.out_h() * shape.out_w();
}

std::uint32_t bits(float value) {
  return std::bit_cast<std::uint32_t>(value);
}

/// As the declarations say, one channel after the other.
ChannelStatistics plain_statistics(const std::vector<float>& values, std::int64_t channels) {
  const auto pixels = static_cast<std::int64_t>(values.size()) / channels;
  ChannelStatistics all;
  for (std::int64_t c = 0; c < channels; ++c) {
    double sum = 0;
    double squares = 0;
    float min = std::numeric_limits<float>::infinity();
    float max = -min;
    for (std::int64_t first = 0; first < pixels; first += 56) {
      float block_sum = 0;
      float block_squares = 0;
      for (std::int64_t p = first; p < std::min(first + 56, pixels); ++p) {
        const float value = values[static_cast<std::size_t>(p * channels + c)];
        block_sum += value;
        const float square = value * value;
        block_squares += square;
        min = value < min ? value : min;
        max = value > max ? value : max;
      }
      sum += static_cast<double>(block_sum);
      squares += static_cast<double>(block_squares);
    }
    all.sums.push_back(sum);
    all.squares.push_back(squares);
    all.min.push_back(min);
    all.max.push_back(max);
  }
  return all;
}

struct Case {
  const ConvShape& shape;
  std::vector<std::int16_t> input, weights;
  std::vector<float> bias;
  Semantics semantics{16, arith::OverflowRule::wrap, -7};

  Case(const ConvShape& s, Sample& sample) : shape(s) {
    for (std::int64_t i = 0; i < s.input_size(); ++i) {
      input.push_back(static_cast<std::int16_t>(sample.word()));
    }
    for (std::int64_t i = 0; i < s.weight_size(); ++i) {
      weights.push_back(static_cast<std::int16_t>(sample.word()));
    }
    for (std::int64_t i = 0; i < s.oc; ++i) {
      bias.push_back(static_cast<float>(static_cast<std::int32_t>(sample.word())) * 0x1p-3f);
    }
  }
  std::vector<float> run(const TileKernel& kernel, const Epilogue& epilogue) const {
    std::vector<float> result(static_cast<std::size_t>(shape.output_size()), NAN);
    convolve(*kernel.native, shape, Pass::forward, input.data(), weights.data(), semantics, result.data(), epilogue);
    return result;
  }
};

void expect_same(const ChannelStatistics& a, const ChannelStatistics& b) {
  ASSERT_EQ(a.sums.size(), b.sums.size());
  for (std::size_t c = 0; c < a.sums.size(); ++c) {
    ASSERT_EQ(std::bit_cast<std::uint64_t>(a.sums[c]), std::bit_cast<std::uint64_t>(b.sums[c])) << c;
    ASSERT_EQ(std::bit_cast<std::uint64_t>(a.squares[c]), std::bit_cast<std::uint64_t>(b.squares[c])) << c;
    ASSERT_EQ(bits(a.min[c]), bits(b.min[c])) << c;
    ASSERT_EQ(bits(a.max[c]), bits(b.max[c])) << c;
  }
}

TEST(Epilogue, EqualsItsDefinitionForEveryKernelAndAnyThreads) {
  Sample sample(91);
  int compared = 0;
  const int threads_before = omp_get_max_threads();
  for (const ConvShape& shape : shapes) {
    const Case run(shape, sample);
    for (const TileKernel& kernel : tile_kernels()) {
      for (int threads = 1; kernel.usable() && threads <= 3; ++threads) {
        SCOPED_TRACE(std::string(kernel.name) + ", " + std::to_string(pixels_of(shape)) + " pixels, " +
                     std::to_string(shape.oc) + " channels, threads: " + std::to_string(threads));
        omp_set_num_threads(threads);
        std::vector<float> expected = run.run(kernel, {});
        for (std::size_t i = 0; i < expected.size(); ++i) {
          expected[i] *= 0.3f;
          expected[i] += run.bias[i % run.bias.size()];
        }
        ChannelStatistics statistics;
        float absmax = -1;
        const std::vector<float> result = run.run(kernel, {.scale = 0.3f,
                                                           .bias = run.bias,
                                                           .statistics = &statistics,
                                                           .absmax = &absmax,
                                                           .functions = kernel.elementwise});
        float expected_absmax = 0;
        for (std::size_t i = 0; i < result.size(); ++i) {
          ASSERT_EQ(bits(result[i]), bits(expected[i])) << i;
          expected_absmax = std::max(expected_absmax, std::fabs(expected[i]));
        }
        ASSERT_EQ(bits(absmax), bits(expected_absmax));
        expect_same(statistics, plain_statistics(expected, shape.oc));
        ++compared;
      }
    }
  }
  omp_set_num_threads(threads_before);
  EXPECT_GE(compared, 3 * static_cast<int>(std::size(shapes)));
}

TEST(Epilogue, NanIsSeenByAbsmaxAndLeftOutOfExtremes) {
  for (const TileKernel& kernel : tile_kernels()) {
    if (!kernel.usable()) {
      continue;
    }
    std::vector<float> values(60 * 18, -2);
    values[18 * 57 + 3] = NAN;
    values[18 * 2 + 4] = 5;
    ChannelStatistics statistics;
    float absmax = 0;
    const Epilogue epilogue{.statistics = &statistics, .absmax = &absmax, .functions = kernel.elementwise};
    EpilogueRun run(epilogue, 60, 18, values.data());
    run.apply(0, 60, 0, 18);
    run.join();
    EXPECT_TRUE(std::isnan(absmax)) << kernel.name;
    EXPECT_EQ(statistics.min[3], -2) << kernel.name;
    EXPECT_EQ(statistics.max[3], -2) << kernel.name;
    EXPECT_EQ(statistics.max[4], 5) << kernel.name;
    EXPECT_TRUE(std::isnan(statistics.sums[3])) << kernel.name;
  }
}

TEST(Epilogue, BiasIsTheSameForEveryEngine) {
  Sample sample(92);
  int differing = 0;
  for (const ConvShape& shape : shapes) {
    const Case run(shape, sample);
    const kernels::Operand left{.codes = run.input};
    const kernels::Operand right{.codes = run.weights};
    Accumulators accumulators;
    accumulators.integer.chain = 16;
    const ProductCall call{shape, Pass::forward, left, right, accumulators, {}, run.bias};
    std::vector<float> simulated(static_cast<std::size_t>(shape.output_size()), NAN);
    std::vector<float> checked(simulated);
    Telemetry telemetry;
    multiply(call, Engine::simulate, simulated, TelemetryLevel::events, telemetry);
    multiply(call, Engine::check, checked, TelemetryLevel::events, telemetry);
    for (const TileKernel& kernel : tile_kernels()) {
      std::vector<float> native(simulated.size(), NAN);
      if (kernel.usable()) {
        multiply(call, Engine::native, native, TelemetryLevel::events, telemetry, &kernel);
        ASSERT_TRUE(std::equal(native.begin(), native.end(), simulated.begin()));
      }
    }
    ASSERT_TRUE(std::equal(checked.begin(), checked.end(), simulated.begin()));
    const ProductCall without{shape, Pass::forward, left, right, accumulators, {}};
    std::vector<float> plain(simulated.size());
    multiply(without, Engine::simulate, plain, TelemetryLevel::events, telemetry);
    differing += std::equal(plain.begin(), plain.end(), simulated.begin()) ? 0 : 1;
    for (std::size_t i = 0; i < plain.size(); ++i) {
      ASSERT_EQ(bits(simulated[i]), bits(plain[i] + run.bias[i % run.bias.size()]));
    }
  }
  EXPECT_EQ(differing, static_cast<int>(std::size(shapes)));
}

}  // namespace
}  // namespace precsim::kernels::native
