// The roles that tensors play in a training step, and where each is used.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "sim/kernels/conv_shape.hpp"

namespace precsim::nn {

using kernels::Pass;

enum class Role : std::uint8_t {
  weights,
  activations,
  outputs,
  saved,
  errors,
  weight_gradients,
  updates,
  momentum,
  master,
};
inline constexpr std::size_t role_count = 9;

/// One row per role, in the order of the enumeration.
struct RoleEntry {
  Role role;
  std::string_view name;
  std::string_view meaning;
  bool operand;                 ///< an operand of products: may be blocked, may differ by pass
  std::array<bool, 3> in_pass;  ///< forward, input_gradient, weight_gradient
};
std::span<const RoleEntry> roles();
inline const RoleEntry& entry(Role role) {
  return roles()[static_cast<std::size_t>(role)];
}
/// Null for an unknown name.
const RoleEntry* find_role(std::string_view name);

/// Raises UserError, which quotes the setting `plan.SETTING = VALUE`, unless `value` is a FORMAT[@ROUNDING] that the
/// role may have whatever the model: blocks and codes of at most 16 bits belong to operands.
void check_format(const RoleEntry& role, std::string_view setting, std::string_view value);

/// Distinct conversions of one tensor (the `use` of its random bits).
enum class Use : std::uint32_t { stored = 0, forward = 1, input_gradient = 2, weight_gradient = 3, initial = 4 };
constexpr Use use_of(Pass pass) {
  return static_cast<Use>(1 + static_cast<std::uint32_t>(pass));
}
inline constexpr std::string_view use_names[] = {"all", "forward", "input_gradient", "weight_gradient", "initial"};
constexpr std::string_view name(Use use) {
  return use_names[static_cast<std::size_t>(use)];
}

inline std::string_view name(Role role) {
  return entry(role).name;
}

}  // namespace precsim::nn
