// The error of a product with that of its operands' conversion.
#pragma once

#include <optional>

#include "experiments/product/product.hpp"

namespace precsim::product {

/// Of `report.result` against FP64 sums, in the order of the reduction, of the products of the operands before their
/// conversion, which are asked for again. None where nothing was converted, and where those operands are not finite.
std::optional<ResultError> whole_error(const ProductRequest& request, const ProductReport& report);

}  // namespace precsim::product
