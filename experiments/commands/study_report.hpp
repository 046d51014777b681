// A study as tables and JSON.
#pragma once

#include <span>
#include <string>

#include "experiments/cli/table.hpp"
#include "experiments/study/folder.hpp"
#include "experiments/study/gather.hpp"
#include "experiments/study/grid.hpp"

namespace precsim::experiments {

/// One line per run: state, folder, point, seed; and how many there are in each state.
std::string plan_table(const study::Outline& outline, std::span<const study::Status> states);

/// One line per point: accuracy with its spread over seeds, gap to the reference, overflow, SQNR by role.
std::string result_table(const study::Outline& outline, std::span<const study::Status> states,
                         const study::Gatherer& gatherer);

/// Every run with its state; figures of those that have ended, if `gatherer` is given.
cli::Json study_json(const study::Outline& outline, std::span<const study::Status> states,
                     const study::Gatherer* gatherer);

}  // namespace precsim::experiments
