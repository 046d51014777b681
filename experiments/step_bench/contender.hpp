// What takes part in a measurement of training steps, and what is measured of it.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "sim/nn/step_profile.hpp"

namespace precsim::step_bench {

/// One way to train a model: what a worker is told.
struct Contender {
  std::string model;
  std::int64_t batch = 64;
  std::string plan = "fp32";  ///< a named plan and settings of it, blank-separated: "dfp16 rounding=stochastic"
  std::string engine = "native";
  std::string kernel = {};  ///< empty: the fastest
  std::int64_t threads = 1;
  bool telemetry = false;  ///< every step reports all tensors, and products in full
};

/// What a worker says once it is ready.
struct Greeting {
  std::int64_t parameters = 0, macs = 0;                    ///< of the model; of one image's forward pass
  double step_seconds = 0;                                  ///< of the last step of the warm-up
  std::string integer_ceiling = {}, floating_ceiling = {};  ///< the instructions; empty: none is known
};

/// What a worker measured in some steps, all of them together. A number that is not known is NaN.
struct Sample {
  std::int64_t steps = 0, skipped = 0;  ///< skipped: by loss scaling, with no update
  double wall_seconds = 0, processor_seconds = 0;
  double page_faults = 0;                                           ///< that needed no disk
  double peak_bytes = 0;                                            ///< of resident memory, since the worker began
  double integer_rate = std::numeric_limits<double>::quiet_NaN();   ///< multiply-accumulates per second of the ceilings
  double floating_rate = std::numeric_limits<double>::quiet_NaN();  ///< just before and after
  std::array<double, nn::works> work{};                             ///< seconds of the wall clock, see nn::work_table
  std::array<nn::StepProfile::Macs, 3> macs{};                      ///< by pass
};

/// A worker talks in lines of JSON.
std::string to_line(const Greeting& greeting);
std::string to_line(const Sample& sample);
/// Raises std::runtime_error for a line that is no such thing.
Greeting greeting_from(std::string_view line);
Sample sample_from(std::string_view line);

}  // namespace precsim::step_bench
