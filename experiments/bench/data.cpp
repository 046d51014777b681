// Generated numbers from Philox words.
#include "experiments/bench/data.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "formats/array_kernel.hpp"

namespace precsim::bench {
namespace {

constexpr std::int64_t piece = 4096;

/// element(words of element i) for each i, `each` words apiece.
template <std::int64_t each, class T, class Element>
std::vector<T> generate(std::int64_t count, std::uint32_t tensor, Element element) {
  const formats::RandomBits bits{.seed = 1, .stream = formats::Stream::fill, .tensor = tensor};
  std::vector<T> values(static_cast<std::size_t>(count));
  std::vector<std::uint32_t> words(piece * each);
  for (std::int64_t at = 0; at < count; at += piece) {
    const std::int64_t here = std::min(piece, count - at);
    formats::best_array_kernel().words(bits, static_cast<std::uint64_t>(at * each), here * each, words.data());
    for (std::int64_t i = 0; i < here; ++i) {
      values[static_cast<std::size_t>(at + i)] = element(words.data() + i * each);
    }
  }
  return values;
}

/// Twelve uniform numbers of 16 bits: mean 6 * 65535, variance 65536^2 - 1.
float normal(const std::uint32_t* words) {
  std::int32_t sum = -6 * 65535;
  for (int i = 0; i < 6; ++i) {
    sum += static_cast<std::int32_t>((words[i] & 0xffffu) + (words[i] >> 16));
  }
  return static_cast<float>(sum) * 0x1p-16f;
}

}  // namespace

std::vector<float> normal_values(std::int64_t count, std::uint32_t tensor) {
  return generate<6, float>(count, tensor, normal);
}

std::vector<float> wide_values(std::int64_t count, std::uint32_t tensor) {
  return generate<2, float>(count, tensor, [](const std::uint32_t* words) {
    const std::uint32_t field = 127 - 28 + words[1] % 48;
    return std::bit_cast<float>((words[0] & 0x807fffffu) | field << 23);
  });
}

std::vector<std::int16_t> normal_codes(std::int64_t count, std::uint32_t tensor, std::int16_t largest, double ratio) {
  const float limit = largest;
  const float deviation = static_cast<float>(largest / ratio);
  return generate<6, std::int16_t>(count, tensor, [=](const std::uint32_t* words) {
    return static_cast<std::int16_t>(std::lrint(std::clamp(normal(words) * deviation, -limit, limit)));
  });
}

}  // namespace precsim::bench
