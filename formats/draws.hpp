// Numbers drawn from random words, in double: the same bits with every compiler and C library.
#pragma once

#include <array>
#include <cstdint>

namespace precsim::formats {

/// (word + 1/2) / 2^32, in (0, 1).
constexpr double uniform(std::uint32_t word) {
  return (static_cast<double>(word) + 0.5) * 0x1p-32;
}

/// Two independent draws of the standard normal distribution (Box and Muller, 1958); none is beyond 6.8.
std::array<double, 2> normal_pair(std::uint32_t radius_word, std::uint32_t angle_word);

}  // namespace precsim::formats
