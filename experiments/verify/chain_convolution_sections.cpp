// Whole convolutions from FP32 tensors to FP32 results.
#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "experiments/verify/chain_cases.hpp"
#include "experiments/verify/dfp_cases.hpp"
#include "experiments/verify/integer_operands.hpp"
#include "formats/convert.hpp"
#include "sim/kernels/tile.hpp"

namespace precsim::verify {
namespace {

using arith::Atom;
using arith::OverflowRule;
using kernels::ConvShape;
using kernels::Pass;
using kernels::Side;
using support::Sample;

/// One operand from its FP32 tensor, converted by the library and by the oracle.
struct ConvertedOperand {
  kernels::Matrix matrix;
  oracle::ConvertedSide expected;
  std::int64_t block = 0;
};
ConvertedOperand convert(const ConvShape& shape, Pass pass, Side side, Sample& sample) {
  const std::vector<formats::Rounding> roundings = roundings_of_interest();
  DfpCase dfp{static_cast<int>(8 + sample.below(9)), static_cast<int>(sample.below(3)),
              static_cast<formats::TopRule>(sample.below(3)), roundings[sample.below(roundings.size())]};
  const std::vector<float> tensor =
      kernels::draw_floats(kernels::fills[sample.below(5)], kernels::operand_size(shape, pass, side), sample);
  const formats::RandomBits bits{sample.word(), formats::Stream::rounding, 5, sample.word(), 1};
  const auto word = [&](std::uint64_t i) { return bits.word(i); };
  const bool reduced = pass != Pass::weight_gradient && side == Side::left;
  const std::uint64_t kind = sample.below(reduced ? 2 : 3);
  ConvertedOperand out;
  if (kind == 0) {
    const formats::Conversion conversion{formats::parse_format(dfp.name("tensor")), dfp.rounding};
    const auto size = static_cast<std::int64_t>(tensor.size());
    const formats::ConvertedArray array = formats::convert(tensor, size, conversion, bits, "x");
    out.matrix = kernels::lower(shape, pass, side, array.codes, array.exponents[0]);
    const oracle::Converted codes = oracle::convert_block(dfp.oracle(), tensor, word);
    const oracle::Implicit places = oracle::implicit(kernels::oracle_shape(shape), kernels::oracle_product(pass), true);
    for (const std::int64_t element : side == Side::left ? places.left : places.right) {
      out.expected.codes.push_back(element < 0 ? 0 : codes.codes[static_cast<std::size_t>(element)]);
      out.expected.exponents.push_back(codes.exponent);
    }
    return out;
  }
  out.block = kind == 2 ? 0 : static_cast<std::int64_t>(2 * (1 + sample.below(4)));
  const std::string name = dfp.name(kind == 2 ? std::string("channel") : fmt::format("block={}", out.block));
  out.matrix =
      kernels::convert_blocked(shape, pass, side, tensor, {{formats::parse_format(name), dfp.rounding}, bits, "x"})
          .matrix;
  out.expected = oracle::convert_side(kernels::oracle_shape(shape), kernels::oracle_product(pass), side == Side::left,
                                      {kind == 2, out.block}, dfp.oracle(), tensor, word);
  return out;
}

/// From FP32 tensors to FP32 results: conversion, lowering, chain length, chains and spills are all the oracle's own.
void check_convolution(Tally& tally, const ConvShape& shape, Pass pass, Sample& sample) {
  const ConvertedOperand left = convert(shape, pass, Side::left, sample);
  const ConvertedOperand right = convert(shape, pass, Side::right, sample);
  const auto atom = static_cast<Atom>(sample.below(3));
  const auto rule = static_cast<OverflowRule>(sample.below(2));
  const std::int64_t multiple = arith::chain_multiple(atom);
  const std::int64_t chains[] = {arith::chain_auto, arith::chain_to_end, multiple, 8, 64};
  const IntegerCall call{shape, pass, left.matrix, right.matrix, {{atom, rule, chains[sample.below(5)]}, {}}};
  oracle::IntegerProduct product = in_oracle_words(call);
  product.left = left.expected;
  product.right = right.expected;
  product.block_left = left.block;
  product.block_right = right.block;
  const std::int64_t chain = call.accumulators.integer.chain;
  const std::int64_t length = chain == arith::chain_auto ? oracle::longest_chain(product, multiple).length : chain;
  const oracle::Recount expected =
      oracle::recount(product, kernels::in_oracle_words(call.accumulators.integer, length));
  std::vector<float> result(expected.result.size());
  kernels::Telemetry telemetry;
  kernels::multiply_reference(call.product(), result, kernels::TelemetryLevel::events, telemetry);
  check_results(tally, call, result, expected.result);
  for (const kernels::TileKernel& kernel : kernels::tile_kernels()) {
    if (kernel.usable()) {
      std::fill(result.begin(), result.end(), std::bit_cast<float>(0x7fc0deadu));
      kernels::multiply(call.product(), result, kernels::TelemetryLevel::events, telemetry, &kernel);
      check_results(tally, call, result, expected.result);
    }
  }
}

}  // namespace

void convolutions(Run& run) {
  const std::vector<ConvShape> listed = kernels::small_shapes();
  const std::uint64_t random = run.by_depth<std::uint64_t>(32, 1500, 60000);
  run.parallel(listed.size() + random, [&](std::uint64_t part, Tally& tally) {
    Sample sample = sample_of(run, 22, part);
    const ConvShape shape = part < listed.size() ? listed[part] : random_shape(sample);
    for (const Pass pass : kernels::passes) {
      check_convolution(tally, shape, pass, sample);
    }
  });
  run.covers(fmt::format("three passes of {} listed and {} seeded shapes; formats, chains, atoms and rules seeded",
                         listed.size(), random));
}

}  // namespace precsim::verify
