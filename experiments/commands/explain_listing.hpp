// What can be explained of a run: its products, and where overflow is recorded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "experiments/explain/recorded_run.hpp"

namespace precsim::experiments {

/// What of a product the user has named so far; the listing is of all that agree with it.
struct ProductChoice {
  std::optional<std::string> layer;
  std::optional<kernels::Pass> pass;
  std::optional<std::int64_t> step;
};

/// The products with the sizes of their results, what the record has of them step by step, and the command line that
/// explains one.
std::string listing_text(const explain::RecordedRun& run, const ProductChoice& choice);
std::string listing_json(const explain::RecordedRun& run, const ProductChoice& choice);

}  // namespace precsim::experiments
