// Down-conversion and addition of dynamic fixed point numbers in the oracle; see integer_oracle.hpp.
#include <cstdlib>

#include "tests/oracle/integer_oracle.hpp"

namespace oracle {
namespace {

/// number * 2^-shift rounded under the mode, by exact places; shift >= 0.
std::int64_t shifted(std::int64_t number, int shift, const Dfp& dfp, std::uint32_t word) {
  const auto magnitude = static_cast<std::uint64_t>(std::abs(number));
  const std::uint64_t low = shift > 62 ? 0 : magnitude >> shift;
  const Place place{low, {magnitude - (shift > 62 ? 0 : low << shift), -shift}, 0};
  const auto code = static_cast<std::int64_t>(decide(place, number < 0, dfp.mode, dfp.stochastic_bits, word));
  return number < 0 ? -code : code;
}

std::int64_t by_top_rule(std::int64_t code, const Dfp& dfp) {
  const std::int64_t limit = std::int64_t{1} << (dfp.bits - 1 - dfp.headroom);
  if (code > -limit && code < limit) {
    return code;
  }
  if (dfp.top == Top::wrap) {
    std::int64_t wrapped = code;
    while (wrapped >= limit) {
      wrapped -= 2 * limit;
    }
    while (wrapped < -limit) {
      wrapped += 2 * limit;
    }
    return wrapped;
  }
  return code < 0 ? 1 - limit : limit - 1;
}

bool all_zero(const Converted& x) {
  return x.codes == std::vector<std::int32_t>(x.codes.size());
}

}  // namespace

Converted down_convert(const Dfp& dfp, const Converted& numbers, const Words& word) {
  std::int64_t most = 0;
  for (const std::int64_t number : numbers.codes) {
    most = std::abs(number) > most ? std::abs(number) : most;
  }
  const std::int64_t limit = std::int64_t{1} << (dfp.bits - 1 - dfp.headroom);
  int shift = 0;
  while ((most >> shift) >= limit) {
    ++shift;
  }
  const bool stochastic = dfp.mode == Mode::stochastic;
  const auto code = [&](std::size_t i) { return shifted(numbers.codes[i], shift, dfp, stochastic ? word(i) : 0); };
  if (dfp.top == Top::bump) {
    bool bump = stochastic && most > (limit - 1) << shift;
    for (std::size_t i = 0; i < numbers.codes.size() && !stochastic; ++i) {
      bump = bump || std::abs(code(i)) >= limit;
    }
    shift += bump ? 1 : 0;
  }
  Converted out{numbers.exponent + shift, {}};
  for (std::size_t i = 0; i < numbers.codes.size(); ++i) {
    out.codes.push_back(static_cast<std::int32_t>(by_top_rule(code(i), dfp)));
  }
  return out;
}

Converted add(const Dfp& dfp, const Converted& a, const Converted& b, const Words& aligning, const Words& word) {
  const int larger = a.exponent > b.exponent ? a.exponent : b.exponent;
  Converted sums{all_zero(a) ? b.exponent : all_zero(b) ? a.exponent : larger, {}};
  for (std::size_t i = 0; i < a.codes.size(); ++i) {
    std::int64_t sum = 0;
    for (const Converted* x : {&a, &b}) {
      const int shift = sums.exponent > x->exponent ? sums.exponent - x->exponent : 0;
      sum += x->codes[i] == 0 ? 0 : shifted(x->codes[i], shift, dfp, aligning(i));
    }
    sums.codes.push_back(static_cast<std::int32_t>(sum));
  }
  return down_convert(dfp, sums, word);
}

}  // namespace oracle
