// The precision plans that have names, and those that formats stand for.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace precsim::nn {

/// A named plan: settings in the grammar of PrecisionPlan::set, blank-separated; and the loss scaling it wants.
struct NamedPlan {
  std::string_view name;
  std::string_view summary;
  std::string_view settings;
  std::string_view loss_scale;  ///< none, static or dynamic
};
std::span<const NamedPlan> named_plans();

/// What the name of a plan stands for; texts as in NamedPlan.
struct PlanMeaning {
  std::string settings;
  std::string_view loss_scale;
};

/// A named plan, or the plan that a format's name stands for: weights, activations and errors in it, no loss scaling.
/// Named plans go first: "dfp16" has one bit of headroom, "dfp16:headroom=0" is the format as it is. Raises UserError
/// for other names and for formats that operands cannot have.
PlanMeaning find_plan(std::string_view name);

/// The one name of a plan: a format in its canonical spelling, unless that is the name of another plan.
std::string canonical_plan_name(std::string_view name);

}  // namespace precsim::nn
