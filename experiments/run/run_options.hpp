// From a configuration to what the training library takes.
#pragma once

#include <string_view>

#include "experiments/config/config.hpp"
#include "sim/data/dataset.hpp"
#include "sim/nn/precision_plan.hpp"
#include "sim/nn/trainer.hpp"

namespace precsim::experiments {

/// The check of names that live in other libraries: models, data sets, optimizers, plans and their settings.
void check_value(std::string_view key, std::string_view value);

/// Sorts the plan.* keys and writes their values by canonical names, so that one configuration has one text and hash.
void canonicalize(config::Config& config);

nn::TrainingOptions training_options(const config::Config& config);

/// The kernel of run.kernel; where that is empty, of the environment variable PRECSIM_KERNEL; where that is unset or
/// empty, the fastest that this CPU can run. Raises UserError for names that are unknown or that it cannot run.
const kernels::TileKernel& chosen_kernel(std::string_view run_kernel);

nn::PrecisionPlan precision_plan(const config::Config& config);
data::DatasetOptions dataset_options(const config::Config& config);

/// The network that a configuration trains on this data.
nn::Network build_network(const config::Config& config, const data::Splits& splits);

/// Raises UserError for a key that was given another value than its default although another key leaves it without
/// effect (schedule.gamma under a cosine schedule): nothing is accepted and ignored.
void check_effect(const config::Config& config);

/// Sets the number of OpenMP threads; 0: one per processor core. Returns the number. Raises UserError when the system
/// does not start that many.
int set_threads(std::int64_t threads);

}  // namespace precsim::experiments
