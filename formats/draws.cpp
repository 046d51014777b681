// The normal distribution.
#include "formats/draws.hpp"

#include <cmath>

#include "formats/elementary.hpp"

namespace precsim::formats {

std::array<double, 2> normal_pair(std::uint32_t radius_word, std::uint32_t angle_word) {
  constexpr double two_pi = 6.283185307179586;
  const double radius = std::sqrt(-2 * log(uniform(radius_word)));
  const double angle = two_pi * uniform(angle_word);
  return {radius * cos(angle), radius * sin(angle)};
}

}  // namespace precsim::formats
