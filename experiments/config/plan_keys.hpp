// The family of plan.* keys: which names a precision plan's settings have.
#pragma once

#include <span>
#include <string_view>

namespace precsim::config {

/// The tensors of a training step whose format a plan sets.
std::span<const std::string_view> plan_roles();

/// The products of a training step.
std::span<const std::string_view> plan_passes();

/// Throws UserError unless `key` is one of
///
///     plan.ROLE   plan.ROLE.PASS   plan.rounding   plan.ACCUMULATOR   plan.ACCUMULATOR.PASS
///
/// with ACCUMULATOR `accumulator` or `float_accumulator`, or the same for one layer, its name after "plan."
/// (plan.conv1.weights); a layer is any name of [a-z0-9_] that is none of these words. Formats and layers themselves
/// are for the caller to check. The sentence names the nearest word and lists the valid ones.
void check_plan_key(std::string_view key);

/// Throws UserError unless `section` can begin keys of the family: "plan", or "plan." and one or two names.
void check_plan_section(std::string_view section);

}  // namespace precsim::config
