// The numerics version: the number of the arithmetic contract that results follow.
#pragma once

namespace precsim::formats {

/// Raised by any change that can move a bit of a result; part of every record and every configuration hash.
inline constexpr int numerics_version = 1;

}  // namespace precsim::formats
