// The telemetry of product calls against a recount.
#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "experiments/verify/instruction_cases.hpp"
#include "experiments/verify/integer_operands.hpp"
#include "experiments/verify/tables.hpp"
#include "sim/kernels/threads.hpp"

namespace precsim::verify {
namespace {

using arith::Atom;
using kernels::ConvShape;
using kernels::Pass;
using kernels::Side;
using kernels::Telemetry;
using kernels::TelemetryLevel;
using support::Sample;

/// 10 log10 of a quotient of doubles, up to the roundings of quotient, logarithm and product.
bool same_decibels(double a, double b) {
  const double tolerance = 1e-15 + 1e-15 * std::fabs(b);
  return kernels::same_bits(a, b) || (std::isnan(a) && std::isnan(b)) || std::fabs(a - b) <= tolerance;
}

/// Everything numerics 9 promises, in one line.
std::string text(const Telemetry& t) {
  std::string bits;
  for (std::size_t b = 0; b < t.chain_bits.size(); ++b) {
    bits += t.chain_bits[b] == 0 ? "" : fmt::format(" {}:{}", b + 1, t.chain_bits[b]);
  }
  return fmt::format(
      "{} outputs, {} products, {} chains, N {}{}, {} events in {} outputs, first in {} at {}, largest sum {}, bits{}, "
      "{}: SQNR {}, largest error {:a}, mean error {:a}",
      t.outputs, t.products, t.chains, t.chain_length, t.proved ? " (proved)" : "", t.overflow_events,
      t.overflow_outputs, t.first_output, t.first_k, t.max_chain_sum, bits, t.exact, t.sqnr_db, t.max_abs_error,
      t.mean_error);
}

bool same_telemetry(const Telemetry& a, Telemetry b) {
  b.sqnr_db = same_decibels(a.sqnr_db, b.sqnr_db) ? a.sqnr_db : b.sqnr_db;
  return kernels::same(a, b);
}

/// One call and all that the oracle says of it.
struct Recounted {
  IntegerCall call;
  std::vector<float> result;
  Telemetry full;

  Telemetry at(TelemetryLevel level) const {
    Telemetry telemetry = full;
    if (level == TelemetryLevel::events) {
      telemetry.full = false;
      telemetry.max_chain_sum = 0;
      telemetry.chain_bits = {};
      telemetry.sqnr_db = telemetry.max_abs_error = telemetry.mean_error = 0;
    }
    return telemetry;
  }
};

Recounted recount(IntegerCall call) {
  const oracle::IntegerProduct product = in_oracle_words(call);
  const arith::IntegerAccumulator& accumulator = call.accumulators.integer;
  oracle::LongestChain chain{accumulator.chain, false};
  if (accumulator.chain == arith::chain_auto) {
    chain = oracle::longest_chain(product, arith::chain_multiple(accumulator.atom));
  } else {
    chain.proved = oracle::norms_prove(product, chain.length);
  }
  const oracle::Recount counted = oracle::recount(product, kernels::in_oracle_words(accumulator, chain.length));
  Telemetry t;
  t.outputs = product.result.size();
  t.products = t.outputs * static_cast<std::uint64_t>(product.length);
  t.chains = counted.chains;
  t.chain_length = chain.length;
  t.proved = chain.proved;
  t.overflow_events = counted.events;
  t.overflow_outputs = counted.outputs_with_events;
  t.first_output = counted.first_output;
  t.first_k = counted.first_k;
  t.full = true;
  t.max_chain_sum = static_cast<std::uint64_t>(counted.largest_sum);
  t.chain_bits = counted.sum_bits;
  t.sqnr_db = counted.sqnr_db();
  t.max_abs_error = counted.max_abs_error;
  t.mean_error = counted.mean_error;
  t.exact = product.one_exponent_pair() ? "int64" : "double_fma";
  return {std::move(call), counted.result, t};
}

/// `kinds`: how many of the adversaries to choose from; the first four overflow nearly everywhere.
IntegerCall draw_call(const ConvShape& shape, Pass pass, Sample& sample, std::uint64_t kinds = std::size(adversaries)) {
  constexpr kernels::Sharing sharings[] = {0, 0, -1, 2, 4, 6, 32};
  IntegerCall call{shape, pass, {}, {}, {}};
  call.left =
      adverse_operand(shape, pass, Side::left, sharings[sample.below(7)], adversaries[sample.below(kinds)], sample);
  call.right =
      adverse_operand(shape, pass, Side::right, sharings[sample.below(7)], adversaries[sample.below(kinds)], sample);
  const auto atom = static_cast<Atom>(sample.below(3));
  const std::int64_t multiple = arith::chain_multiple(atom);
  const std::int64_t chains[] = {arith::chain_to_end, arith::chain_to_end, multiple, 8, 64, arith::chain_auto};
  call.accumulators.integer = {atom, static_cast<arith::OverflowRule>(sample.below(2)), chains[sample.below(6)]};
  return call;
}

/// Small convolutions, matrices that end within tiles, and long reductions that leave the range many times.
IntegerCall draw_call(std::uint64_t kind, Sample& sample) {
  const auto from = [&](std::int64_t low, std::uint64_t count) {
    return low + static_cast<std::int64_t>(sample.below(count));
  };
  switch (kind % 4) {
    case 0:
      return draw_call(ConvShape::gemm(from(1, 9), from(1, 34), from(1, 90)), kernels::passes[sample.below(3)], sample);
    case 1:
      return draw_call(ConvShape::gemm(from(1, 3), from(1, 3), from(200, 3000)), Pass::forward, sample);
    default:
      return draw_call(random_shape(sample), kernels::passes[sample.below(3)], sample);
  }
}

/// One way to multiply.
struct Multiplier {
  const kernels::TileKernel* kernel = nullptr;  ///< null: the reference
  std::string_view name = "reference";

  void operator()(const IntegerCall& call, TelemetryLevel level, std::vector<float>& result,
                  Telemetry& telemetry) const {
    if (kernel == nullptr) {
      kernels::multiply_reference(call.product(), result, level, telemetry);
    } else {
      kernels::multiply(call.product(), result, level, telemetry, kernel);
    }
  }
};

void check(Tally& tally, const Recounted& expected, const Multiplier& multiply, std::string_view where) {
  for (const TelemetryLevel level : {TelemetryLevel::full, TelemetryLevel::events}) {
    std::vector<float> result(expected.result.size(), std::bit_cast<float>(0x7fc0deadu));
    Telemetry telemetry;
    multiply(expected.call, level, result, telemetry);
    check_results(tally, expected.call, result, expected.result);
    tally.check(same_telemetry(telemetry, expected.at(level)), [&] {
      return Mismatch{fmt::format("{}, {}{}", expected.call.text(), multiply.name, where), text(expected.at(level)),
                      text(telemetry)};
    });
  }
}

void recounts(Run& run, const Multiplier& multiply) {
  const std::uint64_t calls = run.by_depth<std::uint64_t>(160, 4000, 160000);
  run.parallel(calls, [&](std::uint64_t part, Tally& tally) {
    Sample sample = sample_of(run, 30, part);
    check(tally, recount(draw_call(part, sample)), multiply, "");
  });
  run.covers(
      fmt::format("{} seeded calls: convolutions and matrices, every sharing, atom, rule and kind of chain", calls));
}

void reference(Run& run) {
  recounts(run, {});
}

template <std::size_t row>
std::string obstacle() {
  return tile_obstacle(tile_names[row]);
}

template <std::size_t row>
void tile(Run& run) {
  recounts(run, {tile_kernel(tile_names[row]), tile_names[row]});
}

/// Sets the threads of OpenMP regions that this thread enters.
class Threads {
 public:
  explicit Threads(int count) : before_(omp_get_max_threads()) { omp_set_num_threads(count); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;
  ~Threads() { omp_set_num_threads(before_); }

 private:
  int before_;
};

/// Calls large enough to be shared among threads.
void threads(Run& run) {
  const int calls = run.by_depth(3, 24, 400);
  run.serial([&](Tally& tally) {
    for (int i = 0; i < calls; ++i) {
      Sample sample = sample_of(run, 31, static_cast<std::uint64_t>(i));
      const ConvShape shapes[] = {
          ConvShape::gemm(600, 40, 50), ConvShape::gemm(33, 530, 64), {3, 12, 12, 6, 20, 5, 5, 1, 2, 1}};
      const Recounted expected = recount(draw_call(shapes[i % 3], kernels::passes[sample.below(3)], sample, 4));
      tally.check(kernels::worth_threads(static_cast<std::int64_t>(expected.full.products) / 16), [&] {
        return Mismatch{expected.call.text(), "a call that is shared among threads", "a smaller one"};
      });
      for (const kernels::TileKernel& kernel : kernels::tile_kernels()) {
        for (int count = 1; kernel.usable() && count <= 4; ++count) {
          const Threads in_use(count);
          check(tally, expected, {&kernel, kernel.name}, fmt::format(", {} threads", count));
        }
      }
    }
  });
  run.covers(fmt::format("{} seeded calls of over a million products, every usable kernel, 1 to 4 threads", calls));
}

constexpr std::string_view claim =
    "events, outputs with events, the first, chain sums, histogram, exact sums, errors (SQNR to 1e-15)";
constexpr std::string_view count = "128-bit recount";

constexpr Section table[] = {
    {"telemetry/reference", claim, count, nullptr, reference},
    {"telemetry/avx512", claim, count, obstacle<0>, tile<0>},
    {"telemetry/avx2", claim, count, obstacle<1>, tile<1>},
    {"telemetry/portable", claim, count, obstacle<2>, tile<2>},
    {"telemetry/threads", claim, count, nullptr, threads},
};

}  // namespace

std::span<const Section> telemetry_sections() {
  return table;
}

}  // namespace precsim::verify
