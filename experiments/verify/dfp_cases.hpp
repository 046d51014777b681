// Dynamic fixed point in the library's and in the oracle's words, and the sections that are held against it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/verify/section.hpp"
#include "formats/random_bits.hpp"
#include "formats/rounding.hpp"
#include "formats/shared_exponent.hpp"
#include "tests/oracle/integer_oracle.hpp"

namespace precsim::verify {

/// A format of one blocking left open, and a rounding.
struct DfpCase {
  int bits = 16, headroom = 0;
  formats::TopRule top = formats::TopRule::saturate;
  formats::Rounding rounding;

  formats::DfpFormat format() const { return {bits, headroom, top, {formats::BlockKind::tensor, 0}}; }
  oracle::Dfp oracle() const;
  /// "dfp16:headroom=1,top=bump,block=4" for the blocking "block=4".
  std::string name(std::string_view blocking) const;
  /// The same with its rounding.
  std::string text() const;
};

/// The eight modes, `stochastic` with 32, 8 and 1 bits.
std::vector<formats::Rounding> roundings_of_interest();
/// Every width, headroom and top rule with every such rounding: 3600 cases.
std::vector<DfpCase> every_dfp();

/// Compares one converted block, an element a case. `values` may be null; what() names the block.
struct ConvertedBlock {
  int exponent = 0;
  std::vector<std::int32_t> codes;
  std::vector<float> values;
};
void check_block(Tally& tally, const DfpCase& dfp, const std::vector<float>& x, const oracle::Converted& expected,
                 const ConvertedBlock& actual, std::string_view where);

void exponents_of_all_magnitudes(Run& run);
void boundaries(Run& run);
void small_blocks(Run& run);
void arrays(Run& run);
void refusals(Run& run);
void operands(Run& run);
void lowered_tensors(Run& run);
void down_conversions(Run& run);
void sums(Run& run);

}  // namespace precsim::verify
