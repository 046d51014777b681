// Tests of the story of one output: small reductions worked by hand, and every output of small products.
#include <gmock/gmock.h>

#include <bit>
#include <cmath>
#include <sstream>
#include <string>
#include <vector>

#include "experiments/commands/explain_kinds.hpp"
#include "experiments/explain/excerpt.hpp"
#include "experiments/explain/story.hpp"
#include "experiments/explain/vectors.hpp"
#include "formats/error.hpp"

namespace precsim::explain {
namespace {

using kernels::Pass;
using kernels::Side;
using testing::ElementsAre;
using testing::HasSubstr;

Story of_codes(const std::vector<std::int16_t>& a, const std::vector<std::int16_t>& b, const std::string& accumulator,
               int exponent_a = 0, int exponent_b = 0) {
  const formats::Conversion format = formats::parse_conversion("dfp16");
  kernels::Accumulators accumulators;
  accumulators.integer = arith::parse_integer_accumulator(accumulator);
  VectorStory told = tell_vectors({Vector{"--a", format, {}, a, exponent_a}, Vector{"--b", format, {}, b, exponent_b}},
                                  accumulators, 1);
  EXPECT_FALSE(told.report.difference.has_value());
  EXPECT_EQ(std::bit_cast<std::uint32_t>(told.story.result), std::bit_cast<std::uint32_t>(told.report.result[0]));
  return std::move(told.story);
}

Story of_values(const std::vector<float>& a, const std::vector<float>& b, const std::string& format,
                const std::string& accumulator, std::uint32_t seed = 1) {
  const formats::Conversion conversion = formats::parse_conversion(format);
  kernels::Accumulators accumulators;
  accumulators.floating = arith::parse_float_accumulator(accumulator);
  VectorStory told =
      tell_vectors({Vector{"--a", conversion, a, {}, 0}, Vector{"--b", conversion, b, {}, 0}}, accumulators, seed);
  EXPECT_EQ(std::bit_cast<std::uint32_t>(told.story.result), std::bit_cast<std::uint32_t>(told.report.result[0]));
  return std::move(told.story);
}

std::vector<std::int32_t> lanes(const Story& story) {
  std::vector<std::int32_t> after;
  for (const IntegerStep& step : story.integer_steps) {
    after.push_back(step.after);
  }
  return after;
}

std::vector<float> sums(const Story& story) {
  std::vector<float> after;
  for (const FloatStep& step : story.float_steps) {
    after.push_back(step.after);
  }
  return after;
}

TEST(Explain, TellsALaneThatWraps) {
  const Story story = of_codes({30000, 30000, 30000}, {30000, 30000, 30000}, "int32:atom=single,chain=inf", -3, 1);
  EXPECT_THAT(lanes(story), ElementsAre(900000000, 1800000000, -1594967296, -1594967296));
  ASSERT_EQ(story.integer_steps.size(), 4u);
  EXPECT_FALSE(story.integer_steps[1].overflows());
  EXPECT_TRUE(story.integer_steps[2].overflows());
  EXPECT_EQ(story.integer_steps[2].sum, 2700000000);
  EXPECT_EQ(story.integer_steps[2].before, 1800000000);
  EXPECT_EQ(story.overflow_events(), 1u);
  ASSERT_EQ(story.chains.size(), 1u);
  EXPECT_EQ(story.chains[0].true_sum, 2700000000);
  EXPECT_EQ(story.chains[0].lane, -1594967296);
  EXPECT_EQ(story.result, -1594967296.0f / 4);
  EXPECT_EQ(story.exact_result->nearest(), 675000000.0);
  EXPECT_EQ(story.exact_result->text(), "2700000000 * 2^-2");
  EXPECT_EQ(story.source(2).a, Origin::element);
  EXPECT_EQ(story.source(3).a, Origin::filler);
}

TEST(Explain, TellsALaneThatClampsAndComesBack) {
  const Story story =
      of_codes({32767, 32767, -1, 0}, {32767, 32767, 5, 0}, "int32:atom=single,chain=inf,overflow=saturate");
  EXPECT_THAT(lanes(story), ElementsAre(1073676289, 2147352578, 2147352573, 2147352573));
  const Story clamped =
      of_codes({32767, 32767, 32767, -1}, {32767, 32767, 32767, 5}, "int32:atom=single,chain=inf,overflow=saturate");
  EXPECT_THAT(lanes(clamped), ElementsAre(1073676289, 2147352578, 2147483647, 2147483642));
  EXPECT_EQ(clamped.integer_steps[2].sum, 3221028867);
  EXPECT_EQ(clamped.overflow_events(), 1u);
  EXPECT_EQ(clamped.peak(), 2u);
}

TEST(Explain, APairIsOneStep) {
  const Story story = of_codes({-32768, -32768, 1}, {-32768, -32768, 1}, "int32:chain=inf,overflow=saturate");
  ASSERT_EQ(story.integer_steps.size(), 2u);
  EXPECT_EQ(story.integer_steps[0].products, 2);
  EXPECT_EQ(story.integer_steps[0].sum, std::int64_t{1} << 31);
  EXPECT_EQ(story.integer_steps[0].after, 2147483647);
  EXPECT_EQ(story.integer_steps[1].after, 2147483647);
  EXPECT_EQ(story.overflow_events(), 2u);
}

TEST(Explain, TellsSpillsThatRound) {
  const Story story = of_codes({4096, 1, 1, 0, 3, 0}, {4096, 1, 1, 0, 1, 0}, "int32:chain=2");
  ASSERT_EQ(story.chains.size(), 3u);
  EXPECT_EQ(story.chains[0].lane, 16777217);
  EXPECT_EQ(story.chains[0].after, 16777216.0f);
  EXPECT_EQ(story.chains[1].before, 16777216.0f);
  EXPECT_EQ(story.chains[1].after, 16777216.0f);  // 2^24 + 1: a tie
  EXPECT_EQ(story.chains[2].after, 16777220.0f);  // 2^24 + 3: a tie
  EXPECT_EQ(story.exact_result->text(), "16777221");
  EXPECT_EQ(*story.error_in_ulps(), -0.5);
  EXPECT_DOUBLE_EQ(*story.relative_error(), -1.0 / 16777221);
}

TEST(Explain, TellsSumsInFloatingPoint) {
  const Story story = of_values({2048, 1, 2, 62016, 2000}, {1, 1, 1, 1, 1}, "fp16", "fp16");
  EXPECT_THAT(sums(story), ElementsAre(2048.0f, 2048.0f, 2050.0f, 64064.0f, HUGE_VALF));
  EXPECT_EQ(story.swallowed(), 1u);
  EXPECT_EQ(story.overflow_events(), 1u);
  EXPECT_TRUE(story.float_steps[4].overflows);
  EXPECT_EQ(story.exact_result->nearest(), 66067.0);
  EXPECT_FALSE(story.error_in_ulps().has_value());

  const Story product = of_values({1.0009765625f, 4}, {1.0009765625f, 4}, "fp16", "fp32:product=fp16");
  EXPECT_EQ(*product.float_steps[0].stored_product, 1.001953125f);
  EXPECT_EQ(product.float_steps[0].after, 1.001953125f);
  EXPECT_EQ(product.exact_product(0).text(), "1050625 * 2^-20");
  EXPECT_EQ(product.result, 17.001953125f);
}

Story of_blocks(const std::vector<float>& a, const std::string& format_a, const std::vector<float>& b,
                const std::string& format_b, const std::string& accumulator) {
  kernels::Accumulators accumulators;
  accumulators.floating = arith::parse_float_accumulator(accumulator);
  VectorStory told = tell_vectors({Vector{"--a", formats::parse_conversion(format_a), a, {}, 0},
                                   Vector{"--b", formats::parse_conversion(format_b), b, {}, 0}},
                                  accumulators, 1);
  EXPECT_EQ(std::bit_cast<std::uint32_t>(told.story.result), std::bit_cast<std::uint32_t>(told.report.result[0]));
  return std::move(told.story);
}

TEST(Explain, TellsBlocksOfScaledElements) {
  const auto told = [](const std::string& accumulator) {
    return of_blocks({1024, 36, 0.5, 0.25, 0.5}, "mxfp8_e4m3:block=2", {2, 3, 12, -8, 1}, "mxfp4_e2m1:block=4",
                     accumulator);
  };
  const Story story = told("fp32");
  EXPECT_TRUE(story.is_scaled());
  EXPECT_THAT(story.a.exponents, ElementsAre(10 - 8, -1 - 8, -1 - 8));
  EXPECT_THAT(story.b.exponents, ElementsAre(3 - 2, 0 - 2));
  EXPECT_THAT(story.a.values, ElementsAre(256.0f, 9.0f, 256.0f, 128.0f, 256.0f));
  EXPECT_THAT(story.b.values, ElementsAre(1.0f, 1.5f, 6.0f, -4.0f, 4.0f));
  EXPECT_THAT(sums(story), ElementsAre(256.0f, 269.5f, 1536.0f, 1024.0f, 1024.0f));
  ASSERT_EQ(story.chains.size(), 3u);
  EXPECT_EQ(story.chains[0].spilled, 269.5f);
  EXPECT_EQ(story.chains[1].exponent_a + story.chains[1].exponent_b, -8);
  EXPECT_EQ(story.chains[1].before, 2156.0f);
  EXPECT_EQ(story.chains[1].after, 2160.0f);
  EXPECT_EQ(story.chains[2].chain.begin, 4);
  EXPECT_EQ(story.result, 2160.5f);
  EXPECT_EQ(*story.error_in_ulps(), 0.0);
  EXPECT_EQ(story.peak(), 2u);

  const Story rounded = told("bf16");
  EXPECT_THAT(sums(rounded), ElementsAre(256.0f, 270.0f, 1536.0f, 1024.0f, 1024.0f));
  EXPECT_EQ(rounded.result, 2164.5f);
  EXPECT_EQ(rounded.exact_result->nearest(), 2160.5);
  EXPECT_EQ(*rounded.error_in_ulps(), 4 * 4096.0);
  EXPECT_THAT(excerpt(rounded, false).chains, ElementsAre(Range{0, 3}));
  EXPECT_THAT(excerpt(rounded, true).steps, ElementsAre(Range{0, 2}, Range{2, 4}, Range{4, 5}));
}

TEST(Explain, SumsOfBlocksOverflowOneByOne) {
  const Story story = of_blocks({1, 1, 1, 1}, "mxfp8_e5m2:block=2", {1, 1, -1, 1}, "mxfp8_e5m2:block=2", "fp16");
  EXPECT_THAT(sums(story), ElementsAre(HUGE_VALF, HUGE_VALF, -HUGE_VALF, -HUGE_VALF));  // 2^15 * 2^15
  EXPECT_EQ(story.overflow_events(), 2u);
  EXPECT_EQ(story.chains[1].overflow_events, 1u);
  EXPECT_EQ(story.chains[0].after, HUGE_VALF);
  EXPECT_TRUE(formats::is_nonfinite(story.result));
  EXPECT_EQ(story.exact_result->nearest(), 2.0);
}

TEST(Explain, StochasticSumsAreThoseOfTheEngines) {
  std::vector<float> a, b;
  for (int i = 0; i < 50; ++i) {
    a.push_back(static_cast<float>(std::ldexp(i + 1, -3)));
    b.push_back(static_cast<float>(i % 2 == 0 ? 1 : -0.7));
  }
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    const Story story = of_values(a, b, "fp16", "bf16:product=fp16@stochastic:bits=8", seed);
    EXPECT_EQ(sums(story).back(), story.result);
  }
}

TEST(Explain, NumbersAndCodesAreRead) {
  EXPECT_THAT(parse_values("--a", " 1,2.5\n-3e-1 0x1.8p1"), ElementsAre(1.0f, 2.5f, -0.3f, 3.0f));
  const formats::FormatPtr format = formats::parse_format("dfp12");
  EXPECT_THAT(parse_codes("--a", "-2048 2047", *format), ElementsAre(-2048, 2047));
  const auto refusal = [](auto&& read) -> std::string {
    try {
      read();
    } catch (const UserError& error) {
      return error.what();
    }
    return "accepted";
  };
  for (const char* word : {"nan", "inf", "1e99", "1x", "--1", "0x", "1;2"}) {
    EXPECT_THAT(refusal([&] { parse_values("--a", word); }), HasSubstr("no finite number")) << word;
  }
  EXPECT_THAT(refusal([&] { parse_codes("--b", "1 2048", *format); }), HasSubstr("'2048' is no code of dfp12"));
  EXPECT_THAT(refusal([&] { parse_codes("--b", "1", *formats::parse_format("bf16")); }), HasSubstr("no integer codes"));
  EXPECT_THAT(refusal([&] { parse_values("--a", " , "); }), HasSubstr("needs numbers"));
  EXPECT_THAT(refusal([&] { parse_values("--a", "@/nowhere/numbers"); }), HasSubstr("there is no file"));
}

TEST(Explain, OtherBitsOfTheEngineEndInExitCode1) {
  const formats::Conversion format = formats::parse_conversion("dfp16");
  const cli::Command command{.name = "explain", .summary = "tells", .example = "explain"};
  const cli::Arguments arguments = cli::parse_arguments(command, {});
  for (const float computed : {6.0f, 7.0f}) {
    std::ostringstream out, err;
    cli::Streams streams{out, err};
    const experiments::ToldStory told{
        of_codes({1, 2}, {2, 2}, "int32"), {"--a", "--b"}, {format, format}, {}, "engine native", computed};
    const bool same = computed == 6;
    EXPECT_EQ(experiments::print_story(told, arguments, streams), same ? cli::ExitCode::ok : cli::ExitCode::mismatch);
    EXPECT_EQ(err.str(), same ? "" : "precsim: the steps give 6 and engine native gives 7: one of them is wrong\n");
    EXPECT_THAT(out.str(), HasSubstr(same ? "the same bits" : "7  0x40e00000"));
  }
}

TEST(Dyadic, IsExact) {
  Dyadic sum(3, -200);
  sum += Dyadic(1, 200);
  sum += -Dyadic(1, 200);
  EXPECT_EQ(sum.reduced().text(), "3 * 2^-200");
  EXPECT_EQ(sum.nearest(), std::ldexp(3, -200));
  EXPECT_EQ(sum.leading(), -199);
  EXPECT_EQ(Dyadic(-0.0f).nearest(), 0.0);
  EXPECT_EQ(Dyadic(0x1p-149f).text(), "1 * 2^-149");
  EXPECT_EQ(Dyadic(-1.5f).nearest(), -1.5);
  Dyadic tie(1, 53);
  tie += Dyadic(1, 0);
  EXPECT_EQ(tie.nearest(), 0x1p53);
  tie += Dyadic(1, -1000);
  EXPECT_EQ(tie.nearest(), 0x1p53 + 2);
  EXPECT_EQ(in_units(Dyadic(6, 5), 6), 3.0);
}

TEST(Excerpt, KeepsBeginningEventsAndEnd) {
  std::vector<std::int16_t> a(40, 1);
  a[10] = 9;  // the peak of the first chain, whose sum stays above that of the second
  const Story plain = of_codes(a, a, "int32:atom=single,chain=20");
  EXPECT_THAT(excerpt(plain, false).steps, ElementsAre(Range{0, 4}, Range{18, 20}, Range{38, 40}));
  EXPECT_THAT(excerpt(plain, false).chains, ElementsAre(Range{0, 2}));
  EXPECT_THAT(excerpt(plain, true).steps, ElementsAre(Range{0, 20}, Range{20, 40}));
  a[30] = 30000;
  std::vector<std::int16_t> b = a;
  a[31] = a[32] = b[31] = b[32] = 32767;
  const Story story = of_codes(a, b, "int32:atom=single,chain=2");
  EXPECT_EQ(story.overflow_events(), 0u);
  const Story wrapped = of_codes(a, b, "int32:atom=single,chain=4");
  EXPECT_EQ(wrapped.overflow_events(), 0u);
  const Story event = of_codes(a, b, "int32:atom=single,chain=40");
  EXPECT_EQ(event.overflow_events(), 1u);
  EXPECT_THAT(excerpt(event, false).steps, ElementsAre(Range{0, 4}, Range{31, 34}, Range{38, 40}));
  std::vector<std::int16_t> many(200, 32767);
  const Excerpt shown = excerpt(of_codes(many, many, "int32:atom=single,chain=8,overflow=saturate"), false);
  EXPECT_EQ(shown.hidden_events, 25u * 6 - 8);
  EXPECT_THAT(shown.chains, ElementsAre(Range{0, 3}, Range{22, 25}));
}

/// Every output of a product: its bits are the engine's, and its events, summed, the telemetry's.
class WholeProduct : public testing::Test {
 protected:
  struct Tensors {
    std::vector<std::int16_t> codes;
    std::vector<float> values;
  };
  static Tensors draw(std::int64_t size, std::uint32_t seed) {
    const formats::RandomBits bits{seed, formats::Stream::fill, 0, 0, 0};
    Tensors tensors;
    for (std::int64_t i = 0; i < size; ++i) {
      tensors.codes.push_back(static_cast<std::int16_t>(bits.word(static_cast<std::uint64_t>(i)) & 0xffff));
      tensors.values.push_back(static_cast<float>(tensors.codes.back()) / 512);
    }
    return tensors;
  }
  static void expect_whole(const kernels::ProductCall& call) {
    const kernels::ProductShape product = product_shape(call.shape, call.pass);
    std::vector<float> result(static_cast<std::size_t>(product.groups * product.rows * product.columns));
    kernels::Telemetry telemetry;
    kernels::multiply(call, kernels::Engine::simulate, result, kernels::TelemetryLevel::events, telemetry);
    std::uint64_t events = 0;
    std::int64_t first_output = -1, first_k = -1;
    for (std::size_t i = 0; i < result.size(); ++i) {
      const Story story = tell(call, telemetry, static_cast<std::int64_t>(i));
      ASSERT_EQ(std::bit_cast<std::uint32_t>(story.result), std::bit_cast<std::uint32_t>(result[i])) << i;
      if (story.is_integer() && events == 0 && story.overflow_events() != 0) {
        first_output = static_cast<std::int64_t>(i);
        first_k = std::ranges::find_if(story.integer_steps, &IntegerStep::overflows)->k;
      }
      events += story.is_integer() ? story.overflow_events() : 0;
      expect_sources(story);
    }
    EXPECT_EQ(events, telemetry.overflow_events);
    EXPECT_EQ(first_output, telemetry.first_output);
    EXPECT_EQ(first_k, telemetry.first_k);
  }
  /// What is no element of a tensor is a zero.
  static void expect_sources(const Story& story) {
    for (std::int64_t k = 0; k < story.length; ++k) {
      const Source source = story.source(k);
      const auto i = static_cast<std::size_t>(k);
      if (source.a != Origin::element) {
        ASSERT_EQ(story.is_integer() ? static_cast<float>(story.a.codes[i]) : story.a.values[i], 0.0f);
        ASSERT_EQ(source.index_a, -1);
        ++zeros;
      }
    }
  }
  static inline std::int64_t zeros = 0;
};

TEST_F(WholeProduct, OfIntegersFloatsAndBlocksInEveryPass) {
  const kernels::ConvShape shape{2, 5, 4, 6, 4, 3, 3, 2, 1, 2};
  const Tensors input = draw(shape.input_size(), 1);
  const Tensors weight = draw(shape.weight_size(), 2);
  const Tensors error = draw(shape.output_size(), 3);
  const std::vector<float> bias = {1, -2, 1e6f, 0};
  const auto tensor = [&](Pass pass, Side side) -> const Tensors& {
    const std::int64_t size = shape.operand_size(pass, side);
    return size == shape.weight_size() ? weight : size == shape.output_size() ? error : input;
  };
  kernels::Accumulators accumulators;
  accumulators.floating = arith::parse_float_accumulator("bf16@stochastic");
  int calls = 0;
  for (const Pass pass : kernels::passes) {
    const std::span<const float> pass_bias = pass == Pass::forward ? bias : std::span<const float>();
    for (const char* name : {"int32:chain=inf", "int32:chain=8,overflow=saturate,atom=single", "int32"}) {
      accumulators.integer = arith::parse_integer_accumulator(name);
      const kernels::Operand a{.codes = tensor(pass, Side::left).codes, .exponent = -20};
      const kernels::Operand b{.codes = tensor(pass, Side::right).codes, .exponent = 3};
      expect_whole({shape, pass, a, b, accumulators, {}, pass_bias});
      const auto blocked = [&](Side side) {
        const kernels::OperandConversion how{formats::parse_conversion("dfp16:block=2"), {}, "a"};
        return kernels::Operand{.matrix = convert_blocked(shape, pass, side, tensor(pass, side).values, how).matrix};
      };
      const kernels::Operand left = blocked(Side::left);
      const kernels::Operand right = blocked(Side::right);
      expect_whole({shape, pass, left, right, accumulators, {}, pass_bias});
      ++calls;
    }
    const auto scaled = [&](Side side, const char* name) {
      const kernels::OperandConversion how{formats::parse_conversion(name), {}, "a"};
      const formats::OperandKind kind = formats::OperandKind::scaled;
      return kernels::Operand{.matrix =
                                  convert_blocked(shape, pass, side, tensor(pass, side).values, how, kind).matrix};
    };
    const kernels::Operand left = scaled(Side::left, "mxfp8_e4m3:block=2");
    const kernels::Operand right = scaled(Side::right, "mxfp6_e2m3:block=4");
    expect_whole({shape, pass, left, right, accumulators, {7, formats::Stream::rounding, 3, 5, 0}, pass_bias});
    const kernels::Operand a{.values = tensor(pass, Side::left).values};
    const kernels::Operand b{.values = tensor(pass, Side::right).values};
    expect_whole({shape, pass, a, b, accumulators, {7, formats::Stream::rounding, 3, 5, 0}, pass_bias});
  }
  EXPECT_EQ(calls, 9);
  EXPECT_GT(zeros, 1000);
}

}  // namespace
}  // namespace precsim::explain
