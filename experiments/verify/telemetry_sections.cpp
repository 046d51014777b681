// The telemetry of product calls against a recount.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "experiments/verify/instruction_cases.hpp"
#include "experiments/verify/integer_operands.hpp"
#include "experiments/verify/product_calls.hpp"
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

/// One call and all that the oracle says of it.
struct Recounted {
  IntegerCall call;
  std::vector<float> result;
  Telemetry full;
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
  const oracle::Recount counted = oracle::recount(product, support::in_oracle_words(accumulator, chain.length));
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
IntegerCall draw_call(const ConvShape& shape, Pass pass, std::string origin, Sample& sample,
                      std::uint64_t kinds = std::size(adversaries)) {
  constexpr support::Sharing sharings[] = {0, 0, -1, 2, 4, 6, 32};
  IntegerCall call{shape, pass, {}, {}, {}, std::move(origin)};
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
IntegerCall draw_call(std::uint64_t kind, const std::string& origin, Sample& sample) {
  const auto from = [&](std::int64_t low, std::uint64_t count) {
    return low + static_cast<std::int64_t>(sample.below(count));
  };
  switch (kind % 4) {
    case 0:
      return draw_call(ConvShape::gemm(from(1, 9), from(1, 34), from(1, 90)), kernels::passes[sample.below(3)], origin,
                       sample);
    case 1:
      return draw_call(ConvShape::gemm(from(1, 3), from(1, 3), from(200, 3000)), Pass::forward, origin, sample);
    default:
      return draw_call(random_shape(sample), kernels::passes[sample.below(3)], origin, sample);
  }
}

void check(Tally& tally, const Recounted& expected, const Multiplier& multiply, std::string_view where) {
  for (const TelemetryLevel level : {TelemetryLevel::full, TelemetryLevel::events}) {
    const std::string how = fmt::format("{}{}", multiply.name, where);
    std::vector<float> result(expected.result.size(), std::bit_cast<float>(0x7fc0deadu));
    Telemetry telemetry;
    multiply(expected.call.product(), level, result, telemetry);
    check_results(tally, expected.call, result, expected.result, how);
    tally.check(same_telemetry(telemetry, at_level(expected.full, level)), [&] {
      return Mismatch{fmt::format("{}, {}; output 0: {}", expected.call.text(), how, expected.call.operands_text(0)),
                      text(at_level(expected.full, level)), text(telemetry)};
    });
  }
}

void recounts(Run& run, const Multiplier& multiply) {
  const std::uint64_t calls = run.by_depth<std::uint64_t>(160, 4000, 160000);
  run.parallel(calls, [&](std::uint64_t part, Tally& tally) {
    Sample sample = sample_of(run, 30, part);
    check(tally, recount(draw_call(part, origin_of(run, 30, part), sample)), multiply, "");
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

/// Calls large enough to be shared among threads.
void threads(Run& run) {
  const int calls = run.by_depth(3, 24, 400);
  run.serial([&](Tally& tally) {
    for (int i = 0; i < calls; ++i) {
      Sample sample = sample_of(run, 31, static_cast<std::uint64_t>(i));
      const ConvShape shapes[] = {
          ConvShape::gemm(600, 40, 50), ConvShape::gemm(33, 530, 64), {3, 12, 12, 6, 20, 5, 5, 1, 2, 1}};
      const Recounted expected = recount(draw_call(shapes[i % 3], kernels::passes[sample.below(3)],
                                                   origin_of(run, 31, static_cast<std::uint64_t>(i)), sample, 4));
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
    {"telemetry/avx512_vnni", claim, count, obstacle<0>, tile<0>},
    {"telemetry/avx512", claim, count, obstacle<1>, tile<1>},
    {"telemetry/avx_vnni", claim, count, obstacle<2>, tile<2>},
    {"telemetry/avx2", claim, count, obstacle<3>, tile<3>},
    {"telemetry/portable", claim, count, obstacle<4>, tile<4>},
    {"telemetry/threads", claim, count, nullptr, threads},
};

}  // namespace

std::span<const Section> telemetry_sections() {
  return table;
}

}  // namespace precsim::verify
