// Flexpoint: integers of P bits with one exponent per tensor, predicted from its history (Koester et al. 2017).
#pragma once

#include <cstdint>
#include <span>

#include "formats/format.hpp"

namespace precsim::formats {

/// flexP+m with its options: 4 <= bits <= 16, 1 <= exponent_bits <= 7. The rules are those of the Autoflex code of
/// Nervana's simulator, which exists for P = 16, m = 5. For other widths, fixed numbers of mantissa steps are taken as
/// the same part of the range (choice), and exponents lie in [-2^m, 0]: for m = 5 the code's scales from 2^-32 to 1,
/// one more than m bits can name.
struct FlexFormat {
  int bits = 16;
  int exponent_bits = 5;
  int history = 16;    ///< conversions remembered
  int deviations = 3;  ///< standard deviations added to the largest
  int offset = 100;    ///< steps of a 16-bit mantissa added
  int lowest() const { return -(1 << exponent_bits); }
};

/// What a tensor gets that is converted for the first time: beginning with 2^-8 (and not below the lowest), convert and
/// look at g = 1 + the largest magnitude of a code.
/// - g >= 2^(P-1) - 1: the exponent rises by floor((P-1)/2), again;
/// - g < 2^(P-2): it falls by as many bits as g is shorter than 2^(P-2), and is final if g >= 2^floor((P-1)/2 - 2)
///   (at least 2 (choice): the code of a narrow format may be 0), else again;
/// - otherwise it is final. After ten conversions without an end it is 0, as for a tensor of zeros.
/// Codes are rounded to nearest even, whatever the rounding of the conversion, so that nothing here depends on a draw:
/// g is then a function of absmax alone (choice). Every exponent is bounded at once (choice).
int flex_first_exponent(float absmax, const FlexFormat& format);

/// The exponent after conversions whose largest magnitudes were `history`, oldest first and not empty, the last one
/// under `exponent`: E(y) - (P-2), bounded, so that y has the highest bit of a positive code. In FP64, in this order,
///   mean = sum / n, std = sqrt(sum of (x - mean)^2 / n), y = (largest + deviations * std) + offset * 2^(P-16+exponent)
/// or, where `rarely`, y = the larger of the last two + 2^(P-4+exponent). y = 0 gives 0. A power of two may so come out
/// just below itself (choice): five deviations above 2 0 2 4 6 0 0 0 1 are 16, and in FP64 16 - 2^-49.
int flex_next_exponent(std::span<const double> history, int exponent, bool rarely, const FlexFormat& format);

/// Before a conversion in step s, flex_next_exponent(); rarely: 16 * conversions so far <= s. After it, with the
/// largest magnitude G of a code: where G >= 2^(P-1) - 1 the history is forgotten and G counts twice; G * 2^exponent
/// joins it.
FormatPtr make_flex(const FlexFormat& format);

}  // namespace precsim::formats
