// What `precsim compare` prints of runs that need not be equal.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "experiments/cli/table.hpp"
#include "experiments/comparison/groups.hpp"

namespace precsim::experiments {

struct CompareOptions {
  std::string reference;  ///< a group's label, or empty: the first group
  bool by_layer = false;
  cli::TableStyle style = cli::TableStyle::text;
};

/// The tables: configurations, accuracy, SQNR, overflow, where bits part. Raises UserError for a reference that is no
/// group.
std::string compare_text(const std::vector<comparison::Group>& groups, const CompareOptions& options);

/// The same as JSON: {"reference", "groups": [...], "partings": [...]}.
cli::Json compare_json(const std::vector<comparison::Group>& groups, const CompareOptions& options);

}  // namespace precsim::experiments
