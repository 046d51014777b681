// Whole convolutions under floating-point accumulators, held against exact steps in the order of nested loops.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <optional>

#include "experiments/verify/chain_cases.hpp"
#include "experiments/verify/float_support.hpp"
#include "experiments/verify/product_calls.hpp"
#include "sim/kernels/threads.hpp"
#include "tests/oracle/mx_oracle.hpp"
#include "tests/oracle/philox_oracle.hpp"
#include "tests/oracle/step_oracle.hpp"
#include "tests/support/oracle_bridge.hpp"

namespace precsim::verify {
namespace {

using kernels::ConvShape;
using kernels::Pass;
using kernels::Side;
using kernels::Telemetry;
using kernels::TelemetryLevel;
using support::Sample;

std::size_t at(std::int64_t index) {
  return static_cast<std::size_t>(index);
}

/// Formats of sum and product; the product may have none.
struct Accumulator {
  std::string_view sum, product;
};
constexpr Accumulator accumulators[] = {
    {"fp32", ""},       {"fp16", ""},         {"bf16", ""},         {"tf32", ""},         {"fp8_e5m2", ""},
    {"fp8_e4m3fn", ""}, {"fp6_e3m2", ""},     {"e6m9", ""},         {"fp32", "bf16"},     {"fp32", "fp16"},
    {"bf16", "fp16"},   {"fp16", "fp8_e5m2"}, {"fp8_e5m2", "fp16"}, {"fp16", "fp6_e2m3"}, {"bf16", "fp8_e4m3fn"},
};

constexpr Mode nearest{{}, oracle::Mode::nearest_even};

/// What one step does, in the words of both sides.
struct Stepping {
  Mode mode;
  oracle::Format sum;
  std::optional<oracle::Format> product;
  std::string text;
  arith::FloatAccumulator library;
};
Stepping stepping(const Accumulator& formats, const Mode& mode) {
  Stepping out{mode, target(std::string(formats.sum)).oracle, std::nullopt, std::string(formats.sum), {}};
  if (!formats.product.empty()) {
    out.product = target(std::string(formats.product)).oracle;
    out.text += fmt::format(":product={}", formats.product);
  }
  out.text += fmt::format("@{}", formats::name(mode.library));
  out.library = arith::parse_float_accumulator(out.text);
  return out;
}

/// One operand as the library gets it, and its FP32 numbers by place: [(group * rows + row) * length + k].
struct FloatOperand {
  kernels::Matrix matrix;
  std::vector<float> places;
  std::string name;
  std::vector<int> exponents{};  ///< of every place, where they are elements without scale
  std::int64_t block = 0;
};

/// A finite number of a format: any code, or one within a few octaves of 1, so that sums round, tie and cancel.
float draw_number(const oracle::Format& format, std::uint64_t kind, Sample& sample) {
  const std::uint32_t largest = format.largest_code();
  const std::uint32_t sign = (sample.word() & 1u) << (format.exponent_bits + format.fraction_bits);
  if (sample.below(8) == 0) {
    return oracle::fp32_of(format, sign);
  }
  const std::uint32_t octave = 1u << format.fraction_bits;
  const std::uint32_t one = std::min(static_cast<std::uint32_t>(format.bias) * octave, largest);
  const auto near = static_cast<std::uint32_t>(sample.below((kind == 1 ? 4u : 20u) * octave));
  const std::uint32_t code = kind == 0   ? static_cast<std::uint32_t>(sample.below(std::uint64_t{largest} + 1))
                             : kind == 2 ? one + octave * static_cast<std::uint32_t>(sample.below(2))
                                         : one - std::min(one, 2 * octave) + near;
  return oracle::fp32_of(format, sign | std::min(code, largest));
}

FloatOperand draw_floating(const ConvShape& shape, Pass pass, Side side, Sample& sample) {
  constexpr std::string_view names[] = {"fp32", "fp16", "bf16", "fp8_e5m2", "fp8_e4m3fn", "fp6_e2m3", "fp4_e2m1"};
  const std::string name(names[sample.below(std::size(names))]);
  const oracle::Format format = target(name).oracle;
  const std::uint64_t kind = sample.below(4);
  std::vector<float> tensor(support::operand_size(shape, pass, side));
  for (float& value : tensor) {
    value = draw_number(format, kind, sample);
  }
  FloatOperand out{kernels::lower(shape, pass, side, std::span<const float>(tensor)), {}, name};
  const oracle::Implicit places = oracle::implicit(support::oracle_shape(shape), support::oracle_product(pass), false);
  for (const std::int64_t element : side == Side::left ? places.left : places.right) {
    out.places.push_back(element < 0 ? 0.0f : tensor[at(element)]);
  }
  return out;
}

/// An integer operand decoded; without the zero that an odd period would get beside another integer.
FloatOperand draw_decoded(const ConvShape& shape, Pass pass, Side side, Sample& sample) {
  static const oracle::Format fp32 = target("fp32").oracle;
  const ConvertedOperand converted = convert_operand(shape, pass, side, false, sample);
  const std::int64_t even_period =
      oracle::implicit(support::oracle_shape(shape), support::oracle_product(pass), true).period;
  FloatOperand out{converted.matrix, {}, converted.name};
  for (std::size_t place = 0; place < converted.expected.codes.size(); ++place) {
    if (static_cast<std::int64_t>(place) % even_period < converted.matrix.period) {
      const auto exact = oracle::Wide::from(converted.expected.codes[place], converted.expected.exponents[place]);
      const oracle::FloatKind kind{fp32.fraction_bits, 1 - fp32.bias, 0x1.fffffep127, oracle::Overflow::infinity};
      out.places.push_back(oracle::round(kind, exact, oracle::Mode::nearest_even, 32, 0));
    }
  }
  return out;
}

/// An operand of MX elements.
FloatOperand draw_scaled(const ConvShape& shape, Pass pass, Side side, Sample& sample) {
  const oracle::NamedMx& mx = oracle::named_mx()[1 + sample.below(oracle::named_mx().size() - 1)];
  const std::vector<formats::Rounding> roundings{
      {}, {formats::RoundingMode::stochastic, 8}, {formats::RoundingMode::to_odd}};
  const formats::Rounding rounding = roundings[sample.below(3)];
  const formats::RandomBits bits{sample.word(), formats::Stream::rounding, 5, sample.word(), 1};
  const auto block = static_cast<std::int64_t>(sample.below(3) == 0 ? 32 : 2 * (1 + sample.below(5)));
  constexpr std::array lowest{-4, -4, -70, -126, 50, 115};
  const int low = lowest[sample.below(lowest.size())];
  std::vector<float> tensor(support::operand_size(shape, pass, side));
  for (float& value : tensor) {
    value = sample.below(9) == 0 ? 0.0f : sample.normal_float(low, low + (sample.below(4) == 0 ? 12 : 3));
  }
  FloatOperand out;
  out.name = fmt::format("{}:block={}@{}", mx.name, block, formats::name(rounding));
  out.block = block;
  out.matrix = kernels::convert_blocked(shape, pass, side, tensor, {formats::parse_conversion(out.name), bits, "x"},
                                        formats::OperandKind::scaled)
                   .matrix;
  oracle::MxSide places = oracle::convert_side(support::oracle_shape(shape), support::oracle_product(pass),
                                               side == Side::left, block, mx, support::oracle_mode(rounding.mode),
                                               rounding.bits, tensor, [&](std::uint64_t i) { return bits.word(i); });
  out.places = std::move(places.elements);
  out.exponents = std::move(places.exponents);
  return out;
}

/// One call under a floating-point accumulator, in the words of both sides.
struct FloatCall {
  ConvShape shape;
  Pass pass;
  FloatOperand left, right;
  Stepping steps;
  oracle::WordSource words;
  std::string origin;
  oracle::Implicit places;

  std::int64_t length() const { return places.length(); }
  bool scaled() const { return !left.exponents.empty(); }
  /// Where sums end: blocks of either operand; the whole reduction where there are none.
  std::vector<oracle::Piece> pieces() const { return oracle::cut(length(), places.period, left.block, right.block, 0); }
  int exponent(std::int64_t output, std::int64_t k) const {
    return left.exponents[at(left_line(output) + k)] + right.exponents[at(right_line(output) + k)];
  }
  /// First place of the lines that meet in output (group * rows + row) * columns + column.
  std::int64_t left_line(std::int64_t output) const { return output / places.columns * length(); }
  std::int64_t right_line(std::int64_t output) const {
    const std::int64_t group = output / (places.rows * places.columns);
    return (group * places.columns + output % places.columns) * length();
  }
  std::string text(std::int64_t output) const {
    const std::span<const float> a(left.places), b(right.places);
    return fmt::format("{} {} {}, {} * {}; {}; words of seed {}, step {}, tensor {}, use {}; output {}: {} * {}",
                       support::text(shape), kernels::name(pass), steps.text, left.name, right.name, origin, words.seed,
                       words.step, words.tensor, words.use, places.result[at(output)],
                       list_text(a.subspan(at(left_line(output)), at(length()))),
                       list_text(b.subspan(at(right_line(output)), at(length()))));
  }
};

/// `mixed`: 0 both floating, 1 the left operand is a decoded integer, 2 the right one, 3 both MX.
FloatCall draw_call(const ConvShape& shape, Pass pass, const Stepping& steps, std::uint64_t mixed,
                    const std::string& origin, Sample& sample) {
  FloatCall call{shape, pass, {}, {}, steps, {}, origin, {}};
  call.left = mixed == 3   ? draw_scaled(shape, pass, Side::left, sample)
              : mixed == 1 ? draw_decoded(shape, pass, Side::left, sample)
                           : draw_floating(shape, pass, Side::left, sample);
  call.right = mixed == 3   ? draw_scaled(shape, pass, Side::right, sample)
               : mixed == 2 ? draw_decoded(shape, pass, Side::right, sample)
                            : draw_floating(shape, pass, Side::right, sample);
  call.words = {sample.word(), 0, sample.word(), sample.word(), static_cast<std::uint32_t>(sample.below(255))};
  call.places = oracle::implicit(support::oracle_shape(shape), support::oracle_product(pass), false);
  return call;
}

/// One output, step by step; step k of output i has word i * length + k, its product the one of use + 1.
float expected_output(const FloatCall& call, std::int64_t output) {
  const Stepping& steps = call.steps;
  const oracle::Mode mode = steps.mode.oracle;
  const int bits = steps.mode.library.bits;
  oracle::WordSource product_words = call.words;
  ++product_words.use;
  const bool draws = mode == oracle::Mode::stochastic;
  const auto first = static_cast<std::uint64_t>(call.places.result[at(output)] * call.length());
  float spilled = 0;
  for (const oracle::Piece& piece : call.pieces()) {
    float c = 0;
    for (std::int64_t k = piece.begin; k < piece.end; ++k) {
      float a = call.left.places[at(call.left_line(output) + k)];
      float b = call.right.places[at(call.right_line(output) + k)];
      const std::uint64_t index = first + static_cast<std::uint64_t>(k);
      if (steps.product) {
        a = oracle::product_step(*steps.product, a, b).rounded(mode, bits, draws ? product_words.word(index) : 0);
        b = 1;
      }
      c = oracle::Step(steps.sum, a, b, c).rounded(mode, bits, draws ? call.words.word(index) : 0);
    }
    spilled = call.scaled() ? oracle::spill(c, call.exponent(output, piece.begin), spilled) : c;
  }
  return spilled == 0 ? 0.0f : spilled;
}

/// Results and telemetry; errors are compared where every result is finite.
struct Expected {
  oracle::Recount counted;
  Telemetry telemetry;
  bool finite = true;
};
Expected expect(const FloatCall& call) {
  Expected out;
  oracle::Recount& counted = out.counted;
  counted.result.resize(call.places.result.size());
  counted.exact.resize(call.places.result.size());
  for (std::int64_t output = 0; output < static_cast<std::int64_t>(counted.result.size()); ++output) {
    double fused = 0;
    for (std::int64_t k = 0; k < call.length(); ++k) {
      const double a = static_cast<double>(call.left.places[at(call.left_line(output) + k)]);
      const double b = static_cast<double>(call.right.places[at(call.right_line(output) + k)]);
      fused = std::fma(call.scaled() ? std::ldexp(a, call.exponent(output, k)) : a, b, fused);
    }
    const std::size_t index = at(call.places.result[at(output)]);
    counted.result[index] = expected_output(call, output);
    counted.exact[index] = fused;
    out.finite = out.finite && std::isfinite(counted.result[index]);
  }
  counted.measure();
  Telemetry& t = out.telemetry;
  t.outputs = counted.result.size();
  t.products = t.outputs * static_cast<std::uint64_t>(call.length());
  t.full = true;
  t.exact = "double_fma";
  t.chains = call.scaled() ? t.outputs * call.pieces().size() : 0;
  t.sqnr_db = counted.sqnr_db();
  t.max_abs_error = counted.max_abs_error;
  t.mean_error = counted.mean_error;
  return out;
}

void check(Tally& tally, const FloatCall& call, const Expected& expected, const Multiplier& multiply,
           TelemetryLevel level, int threads) {
  const kernels::Accumulators both{{}, call.steps.library};
  const kernels::Product product{
      call.shape,
      call.pass,
      call.left.matrix,
      call.right.matrix,
      both,
      {call.words.seed, formats::Stream::rounding, call.words.step, call.words.tensor, call.words.use}};
  std::vector<float> result(expected.counted.result.size(), std::bit_cast<float>(0x7fc0deadu));
  Telemetry found;
  multiply(product, level, result, found);
  const auto how = [&] { return fmt::format("{} with {} threads, ", multiply.name, threads); };
  for (std::int64_t output = 0; output < static_cast<std::int64_t>(result.size()); ++output) {
    const std::size_t index = at(call.places.result[at(output)]);
    tally.check(same(result[index], expected.counted.result[index]), [&] {
      return Mismatch{how() + call.text(output), bits_and_value(expected.counted.result[index]),
                      bits_and_value(result[index])};
    });
  }
  Telemetry wanted = at_level(expected.telemetry, level);
  if (!expected.finite) {
    wanted.sqnr_db = found.sqnr_db;
    wanted.max_abs_error = found.max_abs_error;
    wanted.mean_error = found.mean_error;
  }
  const bool equal = expected.finite ? same_telemetry(found, wanted)
                                     : found.outputs == wanted.outputs && found.products == wanted.products &&
                                           found.chains == wanted.chains && found.exact == wanted.exact &&
                                           found.overflow_events == 0;
  tally.check(equal, [&] { return Mismatch{how() + call.text(0), text(wanted), text(found)}; });
}

/// Which operands a section draws: all MX, or none.
std::uint64_t draw_kinds(bool mx, Sample& sample) {
  return mx ? 3 : sample.below(3);
}

/// Small ones: every accumulator and rounding in turn, every pass, FP32 accumulators that the tiles vectorize in
/// between.
void small_convolutions(Run& run, const std::vector<Mode>& modes, std::uint64_t random, bool mx) {
  const std::vector<ConvShape> listed = support::small_shapes();
  const std::vector<Multiplier> multipliers = usable_multipliers();
  const Stepping fma = stepping(accumulators[0], nearest);
  run.parallel(listed.size() + random, [&](std::uint64_t part, Tally& tally) {
    const std::uint32_t stream = mx ? 45 : 26;
    Sample sample = sample_of(run, stream, part);
    const ConvShape shape = part < listed.size() ? listed[part] : random_shape(sample);
    const Stepping any = stepping(accumulators[part % std::size(accumulators)], modes[sample.below(modes.size())]);
    for (const Pass pass : kernels::passes) {
      for (const Stepping* steps : {&fma, &any}) {
        const FloatCall call =
            draw_call(shape, pass, *steps, draw_kinds(mx, sample), origin_of(run, stream, part), sample);
        const Expected expected = expect(call);
        for (const Multiplier& multiply : multipliers) {
          check(tally, call, expected, multiply, sample.below(2) == 0 ? TelemetryLevel::full : TelemetryLevel::events,
                1);
        }
      }
    }
  });
}

/// Calls large enough to be shared among threads.
void shared_calls(Run& run, const std::vector<Mode>& modes, int calls, bool mx) {
  constexpr int most_threads = 3;
  run.serial([&](Tally& tally) {
    for (int i = 0; i < calls; ++i) {
      const auto part = static_cast<std::uint64_t>(i);
      const std::uint32_t stream = mx ? 46 : 27;
      Sample sample = sample_of(run, stream, part);
      const ConvShape shapes[] = {ConvShape::gemm(520, 40, 51), {3, 12, 12, 6, 20, 5, 5, 1, 2, 1}};
      const Accumulator& chosen = i % 2 == 0 ? accumulators[0] : accumulators[at(i / 2) % std::size(accumulators)];
      const Stepping steps = stepping(chosen, i % 2 == 0 ? nearest : modes[sample.below(modes.size())]);
      const FloatCall call = draw_call(shapes[i % 2], kernels::passes[sample.below(3)], steps, draw_kinds(mx, sample),
                                       origin_of(run, stream, part), sample);
      const Expected expected = expect(call);
      tally.check(kernels::worth_threads(static_cast<std::int64_t>(expected.telemetry.products) / 16), [&] {
        return Mismatch{call.text(0), "a call that is shared among threads", "a smaller one"};
      });
      for (const Multiplier& multiply : usable_multipliers()) {
        for (int threads = multiply.kernel == nullptr ? most_threads : 1; threads <= most_threads; ++threads) {
          const Threads in_use(threads);
          check(tally, call, expected, multiply, TelemetryLevel::full, threads);
        }
      }
    }
  });
}

}  // namespace

void float_convolutions(Run& run) {
  const std::vector<Mode> modes = every_mode({32, 8, 1});
  const std::uint64_t random = run.by_depth<std::uint64_t>(44, 900, 60000);
  const int calls = run.by_depth(2, 12, 400);
  small_convolutions(run, modes, random, false);
  shared_calls(run, modes, calls, false);
  run.covers(
      fmt::format("three passes of {} listed and {} seeded shapes under {} accumulators, one in two FP32 by FMA; "
                  "operands in seven formats or decoded integers, roundings seeded; {} calls of over a million "
                  "products on 1 to 3 threads",
                  support::small_shapes().size(), random, std::size(accumulators), calls));
}

void mx_products(Run& run) {
  const std::vector<Mode> modes = every_mode({32, 8, 1});
  const std::uint64_t random = run.by_depth<std::uint64_t>(44, 900, 60000);
  const int calls = run.by_depth(2, 8, 200);
  small_convolutions(run, modes, random, true);
  shared_calls(run, modes, calls, true);
  run.covers(
      fmt::format("three passes of {} listed and {} seeded shapes under {} accumulators, one in two FP32; five "
                  "formats on either side, blocks of 2 to 32 and scales at both ends seeded; {} calls of over a "
                  "million products on 1 to 3 threads",
                  support::small_shapes().size(), random, std::size(accumulators), calls));
}

}  // namespace precsim::verify
