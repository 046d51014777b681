// What the benchmarks compute with: generated numbers, the same on every machine.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace precsim::bench {

/// The values of a fill ("wide", "normal:peak=7"); `tensor` tells arrays apart.
std::vector<float> filled_values(std::string_view fill, std::int64_t count, std::uint32_t tensor);

/// Normal codes with this ratio of the largest magnitude to the deviation; what lies beyond is clipped.
std::vector<std::int16_t> normal_codes(std::int64_t count, std::uint32_t tensor, std::int16_t largest, double ratio);

}  // namespace precsim::bench
