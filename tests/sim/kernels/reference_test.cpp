// The reference product against the oracle: implicit matrices from nested loops, lanes in 128 bits, exact spills.
#include <gtest/gtest.h>
#include <omp.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "formats/error.hpp"
#include "sim/kernels/multiply.hpp"
#include "tests/support/operand_support.hpp"

namespace precsim::kernels {
namespace {

using arith::Atom;
using arith::OverflowRule;
using support::draw_floats;
using support::Fill;
using support::fills;
using support::in_oracle_words;
using support::integer_operand;
using support::operand_size;
using support::oracle_product;
using support::oracle_shape;
using support::result_size;
using support::same;
using support::same_bits;
using support::Sample;
using support::Sharing;
using support::small_shapes;
using support::text;

/// What the recount says, as telemetry.
Telemetry telemetry_of(const oracle::IntegerProduct& product, const oracle::Recount& recount) {
  Telemetry t;
  t.chains = recount.chains;
  t.outputs = product.result.size();
  t.products = t.outputs * static_cast<std::uint64_t>(product.length);
  t.overflow_events = recount.events;
  t.overflow_outputs = recount.outputs_with_events;
  t.first_output = recount.first_output;
  t.first_k = recount.first_k;
  t.max_chain_sum = static_cast<std::uint64_t>(recount.largest_sum);
  t.chain_bits = recount.sum_bits;
  t.exact = product.one_exponent_pair() ? "int64" : "double_fma";
  return t;
}

void expect_integer_product(const ConvShape& shape, Pass pass, const Matrix& left, const Matrix& right,
                            const arith::IntegerAccumulator& accumulator, std::uint64_t& with_events) {
  const Accumulators accumulators{accumulator, {}};
  std::vector<float> result(result_size(shape, pass));
  Telemetry telemetry;
  multiply_reference({shape, pass, left, right, accumulators, {}}, result, TelemetryLevel::full, telemetry);
  arith::IntegerAccumulator resolved = accumulator;
  if (accumulator.chain == arith::chain_auto) {
    const ProvedChain chain = prove_chain(left, right, accumulator.atom);
    resolved.chain = chain.length;
    ASSERT_EQ(telemetry.proved, chain.proved);
  }
  const oracle::IntegerProduct product = in_oracle_words(shape, pass, left, right);
  const oracle::Recount expected = oracle::recount(product, in_oracle_words(resolved, resolved.chain));
  for (std::size_t i = 0; i < result.size(); ++i) {
    ASSERT_TRUE(same_bits(result[i], expected.result[i]))
        << "output " << i << ": " << result[i] << ", expected " << expected.result[i];
  }
  Telemetry counted = telemetry_of(product, expected);
  counted.chain_length = resolved.chain;
  counted.proved = is_proved(left, right, resolved.chain);
  counted.full = true;
  compare_with_exact(expected.result, expected.exact, counted);
  ASSERT_TRUE(same(telemetry, counted));
  ASSERT_TRUE(!telemetry.proved || telemetry.overflow_events == 0);
  with_events += telemetry.overflow_events != 0 ? 1 : 0;

  Telemetry short_one;
  std::vector<float> again(result.size());
  multiply_reference({shape, pass, left, right, accumulators, {}}, again, TelemetryLevel::events, short_one);
  ASSERT_EQ(again, result);
  ASSERT_FALSE(short_one.full);
  ASSERT_EQ(short_one.overflow_events, telemetry.overflow_events);
  ASSERT_EQ(short_one.first_k, telemetry.first_k);
  ASSERT_EQ(short_one.max_chain_sum, 0u);
}

TEST(Reference, IntegerProductsOfEveryPassSharingAtomRuleAndChain) {
  omp_set_num_threads(1);
  Sample sample(91);
  const std::vector<ConvShape> shapes = small_shapes();
  int products = 0;
  std::uint64_t with_events = 0;
  std::size_t turn = 0;
  for (const Pass pass : passes) {
    for (const Sharing left_sharing : {0, -1, 4, 32}) {
      for (const Sharing right_sharing : {0, -1, 4, 6}) {
        for (const Atom atom : {Atom::single, Atom::pair, Atom::pair4}) {
          for (const OverflowRule rule : {OverflowRule::wrap, OverflowRule::saturate}) {
            for (const std::int64_t chain : {std::int64_t{8}, std::int64_t{64}, arith::chain_to_end, arith::chain_auto,
                                             std::int64_t{arith::chain_multiple(atom)}}) {
              if (support::slow_build && turn++ % 23 != 0) {
                continue;
              }
              const ConvShape& shape = shapes[sample.below(shapes.size())];
              const Fill fill = fills[sample.below(5)];
              const Matrix left = integer_operand(shape, pass, Side::left, left_sharing, fill, sample);
              const Matrix right = integer_operand(shape, pass, Side::right, right_sharing, fill, sample);
              expect_integer_product(shape, pass, left, right, {atom, rule, chain}, with_events);
              ASSERT_FALSE(HasFatalFailure())
                  << text(shape) << ' ' << name(pass) << ", sharing " << left_sharing << ' ' << right_sharing;
              ++products;
            }
          }
        }
      }
    }
  }
  EXPECT_GE(products, support::slow_build ? 60 : 3 * 4 * 4 * 3 * 2 * 5);
  EXPECT_GT(with_events, static_cast<std::uint64_t>(products / 20));
}

TEST(Reference, ConvertedTensorsGiveTheOraclesProductBitForBit) {
  omp_set_num_threads(1);
  Sample sample(92);
  const formats::RandomBits bits{5, formats::Stream::rounding, 1, 3, 0};
  int products = 0;
  for (const ConvShape& shape : small_shapes()) {
    for (const Pass pass : passes) {
      const auto convert = [&](Side side, oracle::ConvertedSide& expected) {
        const std::vector<float> tensor = draw_floats(Fill::uniform, operand_size(shape, pass, side), sample);
        const oracle::Dfp dfp{16, 0, oracle::Top::saturate, oracle::Mode::stochastic, 8};
        expected = oracle::convert_side(oracle_shape(shape), oracle_product(pass), side == Side::left, {false, 4}, dfp,
                                        tensor, [&](std::uint64_t i) { return bits.word(i); });
        return convert_blocked(shape, pass, side, tensor,
                               {formats::parse_conversion("dfp16:block=4@stochastic:bits=8"), bits, "x"});
      };
      oracle::ConvertedSide left_codes;
      oracle::ConvertedSide right_codes;
      const BlockedOperand left = convert(Side::left, left_codes);
      const BlockedOperand right = convert(Side::right, right_codes);
      const Accumulators accumulators;
      std::vector<float> result(result_size(shape, pass));
      Telemetry telemetry;
      multiply_reference({shape, pass, left.matrix, right.matrix, accumulators, {}}, result, TelemetryLevel::events,
                         telemetry);
      const oracle::Implicit places = oracle::implicit(oracle_shape(shape), oracle_product(pass), true);
      for (std::size_t o = 0; o < places.result.size(); ++o) {
        const auto output = static_cast<std::int64_t>(o);
        const std::int64_t group = output / (places.rows * places.columns);
        const std::int64_t a = (group * places.rows + output / places.columns % places.rows) * places.length();
        const std::int64_t b = (group * places.columns + output % places.columns) * places.length();
        float c = 0;
        for (const oracle::Piece& piece : oracle::cut(places.length(), places.period, 4, 4, telemetry.chain_length)) {
          std::vector<std::int64_t> terms;
          for (std::int64_t k = piece.begin; k < piece.end; ++k) {
            terms.push_back(std::int64_t{left_codes.codes[static_cast<std::size_t>(a + k)]} *
                            right_codes.codes[static_cast<std::size_t>(b + k)]);
          }
          c = oracle::spill(oracle::run_lane(terms, 2, false).value,
                            left_codes.exponents[static_cast<std::size_t>(a + piece.begin)] +
                                right_codes.exponents[static_cast<std::size_t>(b + piece.begin)],
                            c);
        }
        ASSERT_TRUE(same_bits(result[static_cast<std::size_t>(places.result[o])], c == 0 ? 0.0f : c))
            << text(shape) << ' ' << name(pass);
      }
      ++products;
    }
  }
  EXPECT_EQ(products, 48);
}

TEST(Reference, FloatProductsAreSequentialInKWithOneWordPerOutputAndK) {
  Sample sample(93);
  const formats::RandomBits bits{8, formats::Stream::rounding, 2, 11, 0};
  int products = 0;
  for (const char* accumulator : {"fp32", "fp16", "bf16@stochastic:bits=8"}) {
    const Accumulators accumulators{{}, arith::parse_float_accumulator(accumulator)};
    const bool fp32 = accumulators.floating.is_fp32_fma();
    const oracle::FloatKind kind = fp32 ? oracle::FloatKind{23, -126, 0x1.fffffep127, {}}
                                   : std::string(accumulator) == "fp16" ? oracle::FloatKind{10, -14, 65504, {}}
                                                                        : oracle::FloatKind{7, -126, 0x1.fep127, {}};
    for (const ConvShape& shape : small_shapes()) {
      for (const Pass pass : passes) {
        if (support::slow_build && products++ % 7 != 0) {
          continue;
        }
        const std::vector<float> a = draw_floats(Fill::uniform, operand_size(shape, pass, Side::left), sample);
        const std::vector<float> b = draw_floats(Fill::uniform, operand_size(shape, pass, Side::right), sample);
        const Matrix left = lower(shape, pass, Side::left, a);
        const Matrix right = lower(shape, pass, Side::right, b);
        std::vector<float> result(result_size(shape, pass));
        Telemetry telemetry;
        multiply_reference({shape, pass, left, right, accumulators, bits}, result, TelemetryLevel::full, telemetry);
        const oracle::Implicit places = oracle::implicit(oracle_shape(shape), oracle_product(pass), false);
        for (std::size_t o = 0; o < places.result.size(); ++o) {
          const auto output = static_cast<std::int64_t>(o);
          const std::int64_t group = output / (places.rows * places.columns);
          const std::int64_t row = (group * places.rows + output / places.columns % places.rows) * places.length();
          const std::int64_t column = (group * places.columns + output % places.columns) * places.length();
          const auto index = static_cast<std::uint64_t>(places.result[o]);
          float c = 0;
          for (std::int64_t k = 0; k < places.length(); ++k) {
            const std::int64_t i = places.left[static_cast<std::size_t>(row + k)];
            const std::int64_t j = places.right[static_cast<std::size_t>(column + k)];
            const float x = i < 0 ? 0 : a[static_cast<std::size_t>(i)];
            const float y = j < 0 ? 0 : b[static_cast<std::size_t>(j)];
            const std::uint32_t word =
                bits.word(index * static_cast<std::uint64_t>(places.length()) + static_cast<std::uint64_t>(k));
            c = oracle::round(
                kind, oracle::Wide::product(x, y) + oracle::Wide::from(c),
                accumulators.floating.rounding.is_stochastic() ? oracle::Mode::stochastic : oracle::Mode::nearest_even,
                8, word);
          }
          ASSERT_TRUE(same_bits(result[index], c == 0 ? 0.0f : c)) << accumulator << ' ' << text(shape);
        }
        ASSERT_EQ(telemetry.exact, "double_fma");
        ASSERT_EQ(telemetry.chains, 0u);
        ASSERT_EQ(telemetry.products, telemetry.outputs * static_cast<std::uint64_t>(places.length()));
        ++products;
      }
    }
  }
  EXPECT_GT(products, 100);
}

TEST(Reference, OperandsOrResultsOfAnotherShapeAreABug) {
  const ConvShape shape{1, 4, 4, 2, 3, 3, 3, 1, 1, 1};
  const std::vector<float> x(operand_size(shape, Pass::forward, Side::left));
  const std::vector<float> w(operand_size(shape, Pass::forward, Side::right));
  const Matrix left = lower(shape, Pass::forward, Side::left, x);
  const Matrix right = lower(shape, Pass::forward, Side::right, w);
  const Accumulators accumulators;
  Telemetry telemetry;
  std::vector<float> result(result_size(shape, Pass::forward));
  std::vector<float> short_result(result.size() - 1);
  for (const auto run : {multiply_reference, +[](const Product&p, std::span<float> r, TelemetryLevel l, Telemetry&t) {
                           multiply(p, r, l, t);
                         }}) {
    EXPECT_NO_THROW(
        run({shape, Pass::forward, left, right, accumulators, {}}, result, TelemetryLevel::full, telemetry));
    EXPECT_THROW(
        run({shape, Pass::forward, left, right, accumulators, {}}, short_result, TelemetryLevel::full, telemetry),
        CheckError);
    EXPECT_THROW(
        run({shape, Pass::input_gradient, left, right, accumulators, {}}, result, TelemetryLevel::full, telemetry),
        CheckError);
    EXPECT_THROW(run({shape, Pass::forward, right, left, accumulators, {}}, result, TelemetryLevel::full, telemetry),
                 CheckError);
  }
}

TEST(Reference, NonFiniteOperandsOfAnAccumulatorWithoutNanAreRefused) {
  const ConvShape shape = ConvShape::gemm(2, 2, 3);
  std::vector<float> x(6, 1.0f);
  const std::vector<float> w(6, 0.0f);
  x[4] = std::numeric_limits<float>::infinity();
  const Matrix left = lower(shape, Pass::forward, Side::left, x);
  const Matrix right = lower(shape, Pass::forward, Side::right, w);
  std::vector<float> result(4);
  Telemetry telemetry;
  const Accumulators fp6{{}, arith::parse_float_accumulator("fp6_e3m2")};
  try {
    multiply({shape, Pass::forward, left, right, fp6, {}}, result, TelemetryLevel::events, telemetry);
    FAIL();
  } catch (const UserError& error) {
    const std::string sentence = error.what();
    for (const char* part : {"element 4 ", "left", "forward", "fp6_e3m2"}) {
      EXPECT_NE(sentence.find(part), std::string::npos) << sentence;
    }
  }
  const Accumulators fp32;
  multiply({shape, Pass::forward, left, right, fp32, {}}, result, TelemetryLevel::events, telemetry);
  EXPECT_EQ(result[0], 0.0f);
  EXPECT_TRUE(std::isnan(result[2]));
}

}  // namespace
}  // namespace precsim::kernels
