// Which rounding of a format does best over all tensors of `precsim analyze`.
#pragma once

#include <string>
#include <vector>

#include "experiments/analysis/analysis.hpp"

namespace precsim::experiments {

/// mean_error / RMS of x; NaN without elements other than zero.
double relative_bias(const analysis::TensorResult& tensor, const analysis::ConversionResult& conversion);

/// Means over the tensors on which every rounding of the format has an error and none has lost everything.
struct RoundingMeans {
  std::string rounding;
  double sqnr_db = 0;
  double bias = 0;  ///< of abs(relative_bias())
};
struct RoundingChoice {
  std::string format;
  std::size_t tensors = 0;  ///< with errors; where 0, there is nothing to choose
  RoundingMeans highest_sqnr = {}, least_bias = {};
};

/// For each format with several roundings among the first `conversions` of every tensor. The first of equals.
std::vector<RoundingChoice> rounding_choices(const std::vector<analysis::TensorResult>& results,
                                             std::size_t conversions);

/// A table with a line about what it says; empty without choices.
std::string roundings_text(const std::vector<RoundingChoice>& choices);

}  // namespace precsim::experiments
