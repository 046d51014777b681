// Shapes, fills and bridges that the tests of products share.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/kernels/conv_shape.hpp"
#include "sim/kernels/matrix.hpp"
#include "tests/oracle/product_oracle.hpp"
#include "tests/support/sample.hpp"

namespace precsim::support {

/// n h w ic oc kh kw stride pad groups: tiny and prime sizes, odd channels, strides with holes, groups, one pixel.
inline std::vector<kernels::ConvShape> small_shapes() {
  return {{1, 1, 1, 1, 1, 1, 1, 1, 0, 1}, {3, 1, 1, 7, 5, 1, 1, 1, 0, 1}, {2, 5, 5, 3, 4, 3, 3, 1, 1, 1},
          {1, 7, 6, 2, 3, 3, 3, 2, 1, 1}, {2, 7, 7, 3, 2, 3, 3, 3, 0, 1}, {1, 8, 9, 1, 2, 5, 5, 1, 2, 1},
          {1, 5, 7, 2, 4, 2, 3, 1, 0, 1}, {1, 6, 5, 2, 2, 2, 3, 2, 1, 1}, {2, 4, 5, 6, 4, 3, 3, 1, 1, 2},
          {1, 5, 5, 3, 6, 3, 3, 2, 1, 3}, {1, 4, 4, 4, 4, 1, 1, 2, 0, 4}, {1, 3, 3, 2, 3, 3, 3, 1, 2, 1},
          {1, 1, 1, 3, 2, 3, 3, 1, 1, 1}, {2, 3, 4, 5, 3, 1, 1, 3, 0, 1}, {1, 11, 5, 1, 1, 5, 3, 3, 2, 1},
          {3, 2, 2, 2, 2, 2, 2, 1, 1, 2}};
}

inline oracle::Shape oracle_shape(const kernels::ConvShape& s) {
  return {s.n, s.h, s.w, s.ic, s.oc, s.kh, s.kw, s.stride, s.pad, s.groups};
}

inline oracle::Product oracle_product(kernels::Pass pass) {
  return pass == kernels::Pass::forward          ? oracle::Product::forward
         : pass == kernels::Pass::input_gradient ? oracle::Product::input_gradient
                                                 : oracle::Product::weight_gradient;
}

inline std::string text(const kernels::ConvShape& s) {
  std::string out;
  for (const std::int64_t size : {s.n, s.h, s.w, s.ic, s.oc, s.kh, s.kw, s.stride, s.pad, s.groups}) {
    out += (out.empty() ? "" : " ") + std::to_string(size);
  }
  return out;
}

/// Size of the tensor that is an operand of a pass.
inline std::size_t operand_size(const kernels::ConvShape& shape, kernels::Pass pass, kernels::Side side) {
  return static_cast<std::size_t>(shape.operand_size(pass, side));
}

inline std::size_t result_size(const kernels::ConvShape& shape, kernels::Pass pass) {
  const kernels::ProductShape product = product_shape(shape, pass);
  return static_cast<std::size_t>(product.groups * product.rows * product.columns);
}

enum class Fill { one_hot, extremes, all_lowest, uniform, tiny };
inline constexpr Fill fills[] = {Fill::one_hot, Fill::extremes, Fill::all_lowest, Fill::uniform, Fill::tiny};

inline std::vector<std::int16_t> draw_codes(Fill fill, std::size_t count, Sample& sample) {
  constexpr std::int16_t edges[] = {-32768, -32767, -1, 0, 1, 32767};
  std::vector<std::int16_t> codes(count);
  if (fill == Fill::one_hot) {
    codes[sample.below(count)] = static_cast<std::int16_t>(sample.word());
    return codes;
  }
  for (std::int16_t& code : codes) {
    code = fill == Fill::extremes     ? edges[sample.below(6)]
           : fill == Fill::all_lowest ? std::int16_t{-32768}
           : fill == Fill::uniform    ? static_cast<std::int16_t>(sample.word())
                                      : static_cast<std::int16_t>(static_cast<int>(sample.below(7)) - 3);
  }
  return codes;
}

inline std::vector<float> draw_floats(Fill fill, std::size_t count, Sample& sample) {
  std::vector<float> values(count);
  if (fill == Fill::one_hot) {
    values[sample.below(count)] = sample.normal_float(-3, 3);
    return values;
  }
  for (float& value : values) {
    value = fill == Fill::extremes     ? sample.normal_float(-60, 55)
            : fill == Fill::all_lowest ? -32768.0f
            : fill == Fill::uniform    ? sample.normal_float(-8, 2)
                                       : sample.normal_float(-126, -100);
    value = sample.below(8) == 0 ? 0.0f : value;
  }
  return values;
}

}  // namespace precsim::support
