// Sections: every format of the catalogue.
#include <array>

#include "experiments/verify/catalogue_support.hpp"
#include "experiments/verify/tables.hpp"

namespace precsim::verify {
namespace {

constexpr std::string_view by_codes = "bisection over codes";
constexpr std::string_view by_integers = "bisection over integers";

constexpr std::array<Section, 13> table{{
    {"catalogue/constants", "widths, special codes, landmarks, overflow options, shared exponents: every name",
     "tables from the standards", nullptr, hold_constants},
    {"catalogue/float/codes", "every code decodes to its value and encodes back, every rounding and overflow option",
     by_codes, nullptr, hold_float_codes},
    {"catalogue/float/neighbors", "eighths between neighbors and the FP32 numbers beside them, every rounding",
     by_codes, nullptr, hold_float_neighbors},
    {"catalogue/float/overflow", "around and above the largest value, every overflow option and rounding", by_codes,
     nullptr, hold_float_overflow},
    {"catalogue/float/nan", "NaN: sign, payload and quiet bit; refused where the format has none", by_codes, nullptr,
     hold_float_nan},
    {"catalogue/float/brackets", "directed roundings bracket, the nearest is one of them and is nearest",
     "exact differences", nullptr, hold_float_brackets},
    {"catalogue/float/draws", "stochastic rounding summed over all draws is the input", "integer sums", nullptr,
     hold_float_draws},
    {"catalogue/float/small", "eXmY: codes and eighths between neighbors, every rounding and overflow option", by_codes,
     nullptr, hold_small_floats},
    {"catalogue/fixed/codes", "eighths between neighbors and the FP32 numbers beside them, every rounding", by_integers,
     nullptr, hold_fixed_codes},
    {"catalogue/dfp/codes",
     "eighths between neighbors under chosen shared exponents, saturating and wrapping, every rounding", by_integers,
     nullptr, hold_dfp_codes},
    {"catalogue/controlled/codes", "flexP+m and dfxpN likewise, under exponents from end to end of their range",
     by_integers, nullptr, hold_controlled_codes},
    {"catalogue/integers/draws", "stochastic rounding summed over all draws is the input", "integer sums", nullptr,
     hold_integer_draws},
    {"catalogue/special", "NaN and infinities are taken or refused, naming tensor and index", "the contract's table",
     nullptr, hold_refusals},
}};

}  // namespace

std::span<const Section> catalogue_sections() {
  return table;
}

}  // namespace precsim::verify
