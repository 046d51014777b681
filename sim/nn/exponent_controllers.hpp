// The exponent controllers of a network: one per layer, role and use of a conversion whose format has them.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "formats/format.hpp"
#include "sim/nn/observer.hpp"
#include "sim/nn/roles.hpp"

namespace precsim::nn {

/// What one controller carries from one step to the next, as plain values.
struct ControlState {
  std::string layer, role, use;
  std::string format;
  std::vector<double> numbers;  ///< conversions, overflows, moves, last exponent; then formats::ExponentController's

  /// "conv1/weights/all".
  std::string path() const { return layer + "/" + role + "/" + use; }
  friend bool operator==(const ControlState&, const ControlState&) = default;
};

/// Every conversion of a training step moves them, also of a step that dynamic loss scaling skips in the end; a tensor
/// that holds a NaN or an infinity moves nothing. Evaluation converts under the exponents that the next training step
/// would use, and moves nothing. Tensors are converted one after the other, so threads, engines and kernels do not
/// matter.
class ExponentControllers {
 public:
  struct Entry {
    formats::FormatPtr format;
    std::unique_ptr<formats::ExponentController> controller;
    std::int64_t conversions = 0, overflows = 0, moves = 0, exponent = 0;

    /// Of a conversion under `exponent` in training step `step`.
    ControlReport observe(const formats::CodeCounts& codes, int exponent, std::int64_t step);
  };

  /// The entry of a conversion; null where its format has no controllers, and in evaluation where there is none yet.
  Entry* find(std::string_view layer, Role role, Use use, const formats::FormatPtr& format, const StepContext& context);

  /// In the order of layer names, roles and uses.
  std::vector<ControlState> state() const;
  /// The inverse. Raises UserError naming what no run can have; nothing has changed then.
  void restore(std::span<const ControlState> states);
  void clear() { entries_.clear(); }

 private:
  using Key = std::tuple<std::string, Role, Use>;
  using Entries = std::map<Key, Entry>;
  static Entries::value_type restored(const ControlState& state);

  Entries entries_;
};

}  // namespace precsim::nn
