// Generated numbers: fills of one seed.
#include "experiments/bench/data.hpp"

#include <fmt/format.h>

#include <cmath>

#include "experiments/product/fill.hpp"

namespace precsim::bench {

std::vector<float> filled_values(std::string_view fill, std::int64_t count, std::uint32_t tensor) {
  std::vector<float> values(static_cast<std::size_t>(count));
  fill_values(product::parse_fill(fill), {.seed = 1, .stream = formats::Stream::fill, .tensor = tensor}, values);
  return values;
}

std::vector<std::int16_t> normal_codes(std::int64_t count, std::uint32_t tensor, std::int16_t largest, double ratio) {
  const std::vector<float> values = filled_values(fmt::format("normal:peak={}", ratio), count, tensor);
  const float scale = static_cast<float>(largest / ratio);
  std::vector<std::int16_t> codes(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    codes[i] = static_cast<std::int16_t>(std::lrint(values[i] * scale));
  }
  return codes;
}

}  // namespace precsim::bench
