// What the benchmarks compute with: generated numbers, the same on every machine.
#pragma once

#include <cstdint>
#include <vector>

namespace precsim::bench {

/// Sums of twelve uniform numbers, near to a normal distribution with mean 0 and deviation 1; `tensor` tells arrays
/// apart.
std::vector<float> normal_values(std::int64_t count, std::uint32_t tensor);

/// Random sign and fraction, exponents uniform in -28 .. 19: binary16 meets subnormals and overflow.
std::vector<float> wide_values(std::int64_t count, std::uint32_t tensor);

/// Normal codes with this ratio of the largest magnitude to the deviation; what lies beyond is clipped.
std::vector<std::int16_t> normal_codes(std::int64_t count, std::uint32_t tensor, std::int16_t largest, double ratio);

}  // namespace precsim::bench
