// The table of the sections on shared exponents, and what their files have in common.
#include <fmt/format.h>

#include <bit>
#include <cmath>

#include "experiments/verify/dfp_cases.hpp"
#include "experiments/verify/tables.hpp"
#include "tests/support/oracle_bridge.hpp"

namespace precsim::verify {
namespace {

constexpr Section table[] = {
    {"dfp/exponent", "E(absmax) of every finite magnitude, from the bits", "2^E <= |x| < 2^(E+1) in double", nullptr,
     exponents_of_all_magnitudes},
    {"dfp/boundaries",
     "blocks one ulp around every power of two and around every rounding to 2^(P-1-h); every P, headroom, top rule and "
     "rounding",
     "exact quotients", nullptr, boundaries},
    {"dfp/small_blocks", "zeros, subnormals, one element and few, strided, with draws of any index", "exact quotients",
     nullptr, small_blocks},
    {"dfp/arrays", "tensor, channel and block=k over arrays of rows that no block size divides", "exact quotients",
     nullptr, arrays},
    {"dfp/refusals", "NaN and infinities in arrays and operands: refused, tensor and index named",
     "the operands' places", nullptr, refusals},
    {"dfp/operands", "channel and block formats as operands of the three passes of convolutions",
     "nested loops, exact quotients", nullptr, operands},
    {"dfp/lowered_tensors", "tensor formats as operands of the three passes of convolutions",
     "nested loops, exact quotients", nullptr, lowered_tensors},
    {"dfp/down_convert", "INT32 numbers brought down to a format", "exact integers", nullptr, down_conversions},
    {"dfp/add", "sums of tensors with exponents of any distance", "exact integers", nullptr, sums},
};

std::string_view name(formats::TopRule top) {
  return top == formats::TopRule::saturate ? "saturate" : top == formats::TopRule::bump ? "bump" : "wrap";
}

}  // namespace

std::span<const Section> dfp_sections() {
  return table;
}

oracle::Dfp DfpCase::oracle() const {
  const oracle::Top rule = top == formats::TopRule::saturate ? oracle::Top::saturate
                           : top == formats::TopRule::bump   ? oracle::Top::bump
                                                             : oracle::Top::wrap;
  return {bits, headroom, rule, support::oracle_mode(rounding.mode), rounding.bits};
}

std::string DfpCase::name(std::string_view blocking) const {
  return fmt::format("dfp{}:headroom={},top={},{}", bits, headroom, verify::name(top), blocking);
}

std::string DfpCase::text() const {
  return fmt::format("dfp{}:headroom={},top={}@{}", bits, headroom, verify::name(top), formats::name(rounding));
}

std::vector<formats::Rounding> roundings_of_interest() {
  std::vector<formats::Rounding> all;
  for (const formats::RoundingEntry& row : formats::roundings()) {
    all.push_back({row.mode});
  }
  all.push_back({formats::RoundingMode::stochastic, 8});
  all.push_back({formats::RoundingMode::stochastic, 1});
  return all;
}

std::vector<DfpCase> every_dfp() {
  std::vector<DfpCase> all;
  for (int bits = 2; bits <= 16; ++bits) {
    for (int headroom = 0; headroom <= bits - 2; ++headroom) {
      for (const formats::TopRule top : {formats::TopRule::saturate, formats::TopRule::bump, formats::TopRule::wrap}) {
        for (const formats::Rounding rounding : roundings_of_interest()) {
          all.push_back({bits, headroom, top, rounding});
        }
      }
    }
  }
  return all;
}

void check_block(Tally& tally, const DfpCase& dfp, const std::vector<float>& x, const oracle::Converted& expected,
                 const ConvertedBlock& actual, std::string_view where) {
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto value = static_cast<float>(std::ldexp(static_cast<double>(expected.codes[i]), expected.exponent));
    const bool equal = actual.exponent == expected.exponent && actual.codes[i] == expected.codes[i] &&
                       std::bit_cast<std::uint32_t>(actual.values[i]) == std::bit_cast<std::uint32_t>(value);
    tally.check(equal, [&] {
      std::string block;
      for (const float element : x) {
        block += fmt::format("{}0x{:08x}", block.empty() ? "" : " ", std::bit_cast<std::uint32_t>(element));
      }
      return Mismatch{fmt::format("{}, {}element {} of [{}]", dfp.text(), where, i, block),
                      fmt::format("{} * 2^{} = 0x{:08x}", expected.codes[i], expected.exponent,
                                  std::bit_cast<std::uint32_t>(value)),
                      fmt::format("{} * 2^{} = 0x{:08x}", actual.codes[i], actual.exponent,
                                  std::bit_cast<std::uint32_t>(actual.values[i]))};
    });
  }
}

}  // namespace precsim::verify
