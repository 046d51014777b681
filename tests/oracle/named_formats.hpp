// The formats that the contract names, as the standards define them.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "tests/oracle/exact_oracle.hpp"

/// Written from the contract (numerics 2) and the documents that it cites, sharing nothing with the library, so that a
/// wrong constant there is a difference here.
namespace oracle {

/// A floating-point format and its landmarks, which are numbers of their own in the table: they do not follow from the
/// record.
struct NamedFloat {
  std::string_view name;
  int width;
  Format format;
  double largest, smallest_normal, smallest;
};
/// fp32 fp16 bf16 tf32 fp8_e5m2 fp8_e4m3fn fp6_e3m2 fp6_e2m3 fp4_e2m1.
std::span<const NamedFloat> named_floats();

/// "fp16", "e4m3", either with ":overflow=inf|nan|saturate"; `name` of eXmY is empty. Raises std::invalid_argument for
/// any other text.
NamedFloat named_float(std::string_view text);
/// Its record alone.
Format named_format(std::string_view text);

/// "fixI.F": codes from `lowest` to `largest` in steps of 2^step_exponent.
struct NamedFixed {
  int width;
  int step_exponent;
  std::int64_t lowest, largest;
};
NamedFixed named_fixed(std::string_view text);

/// "dfpP" with any options, of which `headroom` counts: saturated codes are -largest to largest, and the shared
/// exponent of a block is that of its absmax plus `exponent_of_one`.
struct NamedDfp {
  int width;
  std::int64_t largest;
  int exponent_of_one;
};
NamedDfp named_dfp(std::string_view text);

/// "flexP+m", "dfxpN" with any options, of which `range` counts: codes from `lowest` to `largest`, and the exponent of
/// a tensor of largest magnitude 1 that is converted for the first time.
struct NamedControlled {
  int width;
  std::int64_t lowest, largest;
  int exponent_of_one;
};
bool is_controlled(std::string_view text);
NamedControlled named_controlled(std::string_view text);

}  // namespace oracle
