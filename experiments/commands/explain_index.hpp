// The index of an output of a product, as text.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "sim/kernels/conv_shape.hpp"

namespace precsim::experiments {

/// The names of the sizes of a result or an operand: "n", "oh", "ow", "oc".
std::array<std::string_view, 4> index_names(kernels::Pass pass);

/// "n 3, oh 0, ow 12, oc 5".
std::string index_text(const kernels::ConvShape& shape, kernels::Pass pass, std::int64_t index);

/// "1,2,3,4", "1,4" of a linear layer, or the number of the element. Raises UserError naming `option` and the ranges.
std::int64_t parse_index(std::string_view option, std::string_view text, const kernels::ConvShape& shape,
                         kernels::Pass pass);

}  // namespace precsim::experiments
