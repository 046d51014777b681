// The library's formats and roundings in the oracle's words, and names of them for messages.
#pragma once

#include <string>
#include <vector>

#include "formats/float_format.hpp"
#include "formats/rounding.hpp"
#include "tests/oracle/exact_oracle.hpp"

namespace precsim::support {

oracle::Mode oracle_mode(formats::RoundingMode mode);
oracle::Format oracle_format(const formats::FloatFormat& format);

/// The record behind the name of a floating-point format; throws for other names.
formats::FloatFormat float_record(const std::string& name);

/// The catalogue's floating-point formats of at most `width` bits.
std::vector<std::string> catalogue_floats(int width);

}  // namespace precsim::support
