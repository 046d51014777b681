// What `precsim gemm` and `precsim conv` print.
#pragma once

#include <string>

#include "experiments/cli/options.hpp"
#include "experiments/commands/explain_report.hpp"
#include "experiments/product/product.hpp"

namespace precsim::experiments {

/// The circumstances of a run that its report tells.
struct ProductRun {
  std::string text;  ///< the product in words
  const product::ProductRequest& request;
  int threads = 1;
  const product::ProductReport& report;
  const ToldStory* story = nullptr;  ///< of one output, if that was asked for
  bool full = false;                 ///< the story with every step
};

/// `mismatch` where the engines differ.
cli::ExitCode product_exit_code(const product::ProductReport& report);

/// A table for people; what was not measured has no line.
std::string product_text(const ProductRun& run);
/// The same as JSON; what was not measured has no member.
std::string product_json(const ProductRun& run);

}  // namespace precsim::experiments
