// Whole convolutions from FP32 tensors to FP32 results.
#include <fmt/format.h>

#include <bit>

#include "experiments/verify/chain_cases.hpp"
#include "experiments/verify/dfp_cases.hpp"
#include "experiments/verify/integer_operands.hpp"
#include "experiments/verify/product_calls.hpp"
#include "formats/convert.hpp"

namespace precsim::verify {
namespace {

using arith::Atom;
using arith::OverflowRule;
using kernels::ConvShape;
using kernels::Pass;
using kernels::Side;
using support::Sample;

/// From FP32 tensors to FP32 results: conversion, lowering, chain length, chains and spills are all the oracle's own.
void check_convolution(Tally& tally, const ConvShape& shape, Pass pass, const std::string& origin, Sample& sample) {
  const ConvertedOperand left = convert_operand(shape, pass, Side::left, true, sample);
  const ConvertedOperand right = convert_operand(shape, pass, Side::right, true, sample);
  const auto atom = static_cast<Atom>(sample.below(3));
  const auto rule = static_cast<OverflowRule>(sample.below(2));
  const std::int64_t multiple = arith::chain_multiple(atom);
  const std::int64_t chains[] = {arith::chain_auto, arith::chain_to_end, multiple, 8, 64};
  const IntegerCall call{shape, pass, left.matrix, right.matrix, {{atom, rule, chains[sample.below(5)]}, {}}, origin};
  oracle::IntegerProduct product = in_oracle_words(call);
  product.left = left.expected;
  product.right = right.expected;
  product.block_left = left.block;
  product.block_right = right.block;
  const std::int64_t chain = call.accumulators.integer.chain;
  const std::int64_t length = chain == arith::chain_auto ? oracle::longest_chain(product, multiple).length : chain;
  const oracle::Recount expected =
      oracle::recount(product, support::in_oracle_words(call.accumulators.integer, length));
  for (const Multiplier& multiply : usable_multipliers()) {
    std::vector<float> result(expected.result.size(), std::bit_cast<float>(0x7fc0deadu));
    kernels::Telemetry telemetry;
    multiply(call.product(), kernels::TelemetryLevel::events, result, telemetry);
    check_results(tally, call, result, expected.result, multiply.name);
  }
}

}  // namespace

ConvertedOperand convert_operand(const ConvShape& shape, Pass pass, Side side, bool integer, Sample& sample) {
  const std::vector<formats::Rounding> roundings = roundings_of_interest();
  const DfpCase dfp{static_cast<int>(8 + sample.below(9)), static_cast<int>(sample.below(3)),
                    static_cast<formats::TopRule>(sample.below(3)), roundings[sample.below(roundings.size())]};
  const std::vector<float> tensor =
      support::draw_floats(support::fills[sample.below(5)], support::operand_size(shape, pass, side), sample);
  const formats::RandomBits bits{sample.word(), formats::Stream::rounding, 5, sample.word(), 1};
  const auto word = [&](std::uint64_t i) { return bits.word(i); };
  const bool reduced = pass != Pass::weight_gradient && side == Side::left;
  const std::uint64_t kind = sample.below(reduced ? 2 : 3);
  ConvertedOperand out;
  out.block = kind == 1 ? static_cast<std::int64_t>(2 * (1 + sample.below(4))) : 0;
  out.name = dfp.name(kind == 0 ? "tensor" : kind == 2 ? "channel" : fmt::format("block={}", out.block));
  const formats::Conversion conversion{formats::parse_format(out.name), dfp.rounding};
  out.name += fmt::format("@{}", formats::name(dfp.rounding));
  if (kind == 0) {
    const auto size = static_cast<std::int64_t>(tensor.size());
    const formats::ConvertedArray array = formats::convert(tensor, size, conversion, bits, "x");
    out.matrix = integer ? kernels::lower(shape, pass, side, array.codes, array.exponents[0])
                         : kernels::lower(shape, pass, side, std::span<const float>(array.values));
    out.expected = support::by_place(shape, pass, side, oracle::convert_block(dfp.oracle(), tensor, word));
    return out;
  }
  out.matrix = kernels::convert_blocked(shape, pass, side, tensor, {conversion, bits, "x"},
                                        integer ? formats::OperandKind::integer : formats::OperandKind::floating)
                   .matrix;
  out.expected = oracle::convert_side(support::oracle_shape(shape), support::oracle_product(pass), side == Side::left,
                                      {kind == 2, out.block}, dfp.oracle(), tensor, word);
  return out;
}

void convolutions(Run& run) {
  const std::vector<ConvShape> listed = support::small_shapes();
  const std::uint64_t random = run.by_depth<std::uint64_t>(32, 1500, 60000);
  run.parallel(listed.size() + random, [&](std::uint64_t part, Tally& tally) {
    Sample sample = sample_of(run, 22, part);
    const ConvShape shape = part < listed.size() ? listed[part] : random_shape(sample);
    for (const Pass pass : kernels::passes) {
      check_convolution(tally, shape, pass, origin_of(run, 22, part), sample);
    }
  });
  run.covers(fmt::format("three passes of {} listed and {} seeded shapes; formats, chains, atoms and rules seeded",
                         listed.size(), random));
}

}  // namespace precsim::verify
