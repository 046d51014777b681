// The story of one output of a product by itself.
#pragma once

#include <cstdint>
#include <string>

#include "experiments/commands/explain_report.hpp"
#include "experiments/product/product.hpp"

namespace precsim::experiments {

/// Raises UserError where outputs have so many products that their steps would fill the memory.
void check_story(const product::ProductRequest& request);

/// Of element `index` of the result of a product that was computed. `text`: the product in words.
ToldStory tell_product(const product::ProductRequest& request, const product::ProductReport& report,
                       const std::string& text, std::int64_t index);

}  // namespace precsim::experiments
