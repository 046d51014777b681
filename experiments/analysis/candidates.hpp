// Formats that compete for a number of bits per element.
#pragma once

#include <vector>

#include "formats/catalogue.hpp"

namespace precsim::analysis {

/// Bits per element with the scale of a block of the reduction: 16 (an int16 exponent) or, for mx formats, 8 per block.
/// Scales of whole tensors and channels are not counted.
double bits_per_element(const formats::Format& format);

/// At most `bits` bits per element: the examples of the catalogue; every eXmY of as many bits as fit; the widest dfpP
/// with one exponent per tensor, per channel and per block of 16, 32, 64, 128 and 256. Each once, in this order.
std::vector<formats::FormatPtr> candidates(double bits);

}  // namespace precsim::analysis
