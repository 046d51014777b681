// One reduction of two vectors that a user gives.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/explain/story.hpp"
#include "experiments/product/product.hpp"

namespace precsim::explain {

/// One vector: numbers to be converted, or codes under an exponent.
struct Vector {
  std::string name;  ///< "--a", for errors
  formats::Conversion conversion;
  std::vector<float> values;
  std::vector<std::int16_t> codes;
  int exponent = 0;
};

/// Numbers between blanks, commas and line ends, decimal or hexadecimal (0x1.8p3), each rounded to the nearest FP32
/// number; or integer codes that `format` can have. "@FILE" is the content of a file. Raises UserError naming `name`
/// and the word for what is no finite number, no code, or no vector.
std::vector<float> parse_values(std::string_view name, std::string_view text);
std::vector<std::int16_t> parse_codes(std::string_view name, std::string_view text, const formats::Format& format);

/// The only output of the product of the vectors, as a GEMM of one row and one column, and what the engine `check`
/// makes of it. Raises UserError for vectors of different lengths.
struct VectorStory {
  product::ProductReport report;
  Story story;
};
VectorStory tell_vectors(const std::array<Vector, 2>& vectors, const kernels::Accumulators& accumulators,
                         std::uint32_t seed);

}  // namespace precsim::explain
