// Everything that a training run carries from one step to the next, as a plain value.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sim/nn/network.hpp"
#include "sim/nn/observer.hpp"
#include "sim/nn/optimizer.hpp"

namespace precsim::nn {

/// One tensor of a network's state: a parameter, what the optimizer keeps for it, or a buffer of its layer.
struct StateTensor {
  std::string kind;   ///< "parameters", a state that the optimizer declares ("momentum"), or "buffers"
  std::string layer;  ///< name of the layer
  std::string name;   ///< of the parameter or the buffer: "weight", "running_mean"
  std::vector<std::int64_t> dimensions;
  std::vector<float> values;

  /// "/parameters/conv1/weight".
  std::string path() const { return "/" + kind + "/" + layer + "/" + name; }
  friend bool operator==(const StateTensor&, const StateTensor&) = default;
};

/// The state between two steps. With the options, the network's plan and the data it determines every later bit: the
/// order of the data and all random draws are functions of the seed and the step.
struct TrainingState {
  std::int64_t step = 0;  ///< steps done
  LossScale::State loss_scale;
  StepContext::Totals totals;
  EvaluationReport evaluation{};  ///< the last one; without images if there was none
  std::vector<StateTensor> tensors;
  std::vector<ControlState> controllers;
};

/// Every tensor of the network's state, layer by layer. What the optimizer keeps is absent until its first update.
std::vector<StateTensor> state_tensors(const Network& network);

/// Raises UserError naming the first state of a controller that is there twice, that no conversion of the network's
/// plan has, or that is missing after `steps` steps (every step converts the weights).
void check_controllers(const Network& network, std::span<const ControlState> states, std::int64_t steps);

/// The inverse of state_tensors(), for a network of the same structure. Raises UserError naming the first tensor that
/// is missing, not known, there twice, or of another shape; the network is then unchanged.
void restore_tensors(Network& network, std::span<const StateTensor> tensors);

}  // namespace precsim::nn
