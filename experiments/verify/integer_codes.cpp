// Definitions of integer codes.
#include "experiments/verify/integer_codes.hpp"

namespace precsim::verify {

IntegerCode expected_dfp_code(std::uint64_t steps, bool negative, const formats::DfpFormat& format) {
  const std::int64_t limit = std::int64_t{1} << (format.bits - 1 - format.headroom);
  const bool beyond = steps >= static_cast<std::uint64_t>(limit);
  if (beyond && format.top != formats::TopRule::wrap) {
    return {negative ? 1 - limit : limit - 1, true};
  }
  const auto low_bits = static_cast<std::int64_t>(steps % static_cast<std::uint64_t>(2 * limit));
  const std::int64_t code = negative ? -low_bits : low_bits;
  const std::int64_t wrapped = code >= limit ? code - 2 * limit : code < -limit ? code + 2 * limit : code;
  const bool most_negative = negative && steps == static_cast<std::uint64_t>(limit);
  return {wrapped, beyond && !most_negative};
}

IntegerCode expected_fixed_code(std::uint64_t steps, bool negative, int width) {
  const std::uint64_t most = (std::uint64_t{1} << (width - 1)) - (negative ? 0 : 1);
  const bool beyond = steps > most;
  const auto code = static_cast<std::int64_t>(beyond ? most : steps);
  return {negative ? -code : code, beyond};
}

}  // namespace precsim::verify
