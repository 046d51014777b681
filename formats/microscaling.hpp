// OCP Microscaling formats (MX 1.0): elements of 4 to 8 bits, and one power of two per block as their scale.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "formats/exact.hpp"
#include "formats/float_format.hpp"
#include "formats/format.hpp"

namespace precsim::formats {

inline constexpr int mx_block = 32;
/// What an E8M0 scale holds; its NaN (code 255) is never made.
inline constexpr int lowest_mx_exponent = -127;
inline constexpr int highest_mx_exponent = 127;

/// One row per format.
///
/// A floating element is x * 2^-E_s rounded once, in whatever mode; above the largest it is the largest, whatever the
/// mode, so infinities and NaN are never made, although E5M2 and E4M3 have codes for them (OCP leaves that open; the
/// largest of E4M3 is 448).
///
/// mxint8: `element` is empty, codes are integers of 8 bits. OCP counts them in steps of 2^-6 of the scale; here, as in
/// dfpP, E_s is the exponent of the step (numerics 2), so that OCP's scale is 2^(E_s + 6), from 2^-121 on: blocks of
/// absmax below 2^-121 keep the step 2^-127, where OCP could go on to 2^-133. Codes saturate to -127, as those of dfp8
/// do, not to -128 (OCP allows both): no rounding then makes a block less symmetric than it was. -0x1.fep0 in a block
/// of absmax below 2 becomes -127 * 2^-6; -128 would make it -2.
struct MxElement {
  std::string_view name;
  std::optional<FloatFormat> element;
  std::string_view meaning;

  /// E of the largest element: 6; 8, 15, 4, 2, 2.
  constexpr int largest_exponent() const {
    return element ? static_cast<int>(element->largest_code() >> element->fraction_bits) - element->bias : 6;
  }
  /// E_s = E(absmax) - emax, clamped; of a block of zeros the lowest.
  constexpr int shared_exponent(float absmax) const {
    return absmax == 0 ? lowest_mx_exponent
                       : std::clamp(exponent_of(absmax) - largest_exponent(), lowest_mx_exponent, highest_mx_exponent);
  }
};
/// mxint8 mxfp8_e4m3 mxfp8_e5m2 mxfp6_e3m2 mxfp6_e2m3 mxfp4_e2m1.
std::span<const MxElement> mx_elements();

/// The row of a format that make_mx() made; nullptr for others.
const MxElement* find_mx_element(const Format& format);

/// E_s as E8M0 holds it: 0 to 254. Of mxint8 that is the scale of the step; the one of OCP, who count in steps of 2^-6,
/// is 6 more.
constexpr std::uint8_t mx_scale_code(int exponent) {
  return static_cast<std::uint8_t>(exponent - lowest_mx_exponent);
}

/// `block`: elements that share a scale, even.
FormatPtr make_mx(const MxElement& element, int block);

}  // namespace precsim::formats
