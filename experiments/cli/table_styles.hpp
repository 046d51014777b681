// Tables in the forms that other programs read.
#pragma once

#include <string>
#include <vector>

#include "experiments/cli/table.hpp"

namespace precsim::cli {

using Rows = std::vector<std::vector<std::string>>;

std::string csv_text(const std::vector<Column>& columns, const Rows& rows);
std::string markdown_text(const std::vector<Column>& columns, const Rows& rows);
std::string latex_text(const std::vector<Column>& columns, const Rows& rows);

}  // namespace precsim::cli
