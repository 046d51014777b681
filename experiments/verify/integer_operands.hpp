// Operands of the integer sections, the same products in the oracle's words, and comparisons that count cases.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "experiments/verify/float_support.hpp"
#include "experiments/verify/section.hpp"
#include "sim/kernels/multiply.hpp"
#include "tests/oracle/integer_oracle.hpp"
#include "tests/support/operand_support.hpp"

namespace precsim::verify {

/// The seeded sequence of one part of a section: another one for every stream (a number of the section), seed and part.
support::Sample sample_of(const Run& run, std::uint32_t stream, std::uint64_t part);
/// What makes that sequence again: "quick, seed 1, stream 22, part 5".
std::string origin_of(const Run& run, std::uint32_t stream, std::uint64_t part);

/// A small convolution: groups, odd channels, strides with holes, padding, all at random.
kernels::ConvShape random_shape(support::Sample& sample);

/// Codes that overflow in many ways, on top of those of the tests.
enum class Adversary : std::uint8_t {
  extremes,   ///< -32768, -32767, -1, 0, 1, 32767
  lowest,     ///< -32768 throughout
  uniform,    ///< any code
  bursts,     ///< runs of one extreme, so that a lane leaves the range several times in one direction
  sparse,     ///< zeros but for a few extremes
  near_zero,  ///< -3..3, which never overflows
};
inline constexpr Adversary adversaries[] = {Adversary::extremes, Adversary::lowest, Adversary::uniform,
                                            Adversary::bursts,   Adversary::sparse, Adversary::near_zero};
std::vector<std::int16_t> adverse_codes(Adversary adversary, std::size_t count, support::Sample& sample);

/// A lowered operand with such codes; where rows or blocks have exponents of their own, they are random.
kernels::Matrix adverse_operand(const kernels::ConvShape& shape, kernels::Pass pass, kernels::Side side,
                                support::Sharing sharing, Adversary adversary, support::Sample& sample);

/// One integer product call, able to live on its own.
struct IntegerCall {
  kernels::ConvShape shape;
  kernels::Pass pass = kernels::Pass::forward;
  kernels::Matrix left, right;
  kernels::Accumulators accumulators;
  std::string origin{};  ///< where its operands come from, see origin_of

  kernels::Product product() const { return {shape, pass, left, right, accumulators, {}}; }
  /// "2 5 5 3 4 3 3 1 1 1 forward int32:chain=8; quick, seed 1, stream 22, part 5", the shape as n h w ic oc kh kw
  /// stride pad groups.
  std::string text() const;
  /// Codes and exponents that meet in one output, by its place in the result.
  std::string operands_text(std::size_t output) const;
};

/// The call in the oracle's words.
inline oracle::IntegerProduct in_oracle_words(const IntegerCall& call) {
  return support::in_oracle_words(call.shape, call.pass, call.left, call.right);
}

/// One case for each output: its bits. `how` says who multiplied.
void check_results(Tally& tally, const IntegerCall& call, const std::vector<float>& result,
                   const std::vector<float>& expected, std::string_view how);

/// "[0001 fffe]", codes in hexadecimal, "[1 -2 3]" and "[0x3f800000]", the first 64 of them.
std::string list_text(std::span<const std::int16_t> codes);
std::string list_text(std::span<const std::int64_t> products);
std::string list_text(std::span<const float> values);
/// The codes and exponents of places first <= k < first + length: "[0001 fffe] * 2^[-3 5]", exponents where they
/// change.
std::string line_text(const oracle::ConvertedSide& side, std::int64_t first, std::int64_t length);

}  // namespace precsim::verify
