// The table of roles, and which formats each takes.
#include "sim/nn/roles.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "formats/catalogue.hpp"
#include "formats/error.hpp"

namespace precsim::nn {
namespace {

constexpr std::array<RoleEntry, role_count> role_table{{
    {Role::weights, "weights", "weights as operands of products", true, {true, true, false}},
    {Role::activations, "activations", "inputs of convolutions and linear layers", true, {true, false, true}},
    {Role::outputs, "outputs", "results of convolutions and linear layers", false, {true, true, true}},
    {Role::saved, "saved", "what the backward pass reads of the forward pass", false, {true, true, true}},
    {Role::errors, "errors", "gradients of outputs, as operands", true, {false, true, true}},
    {Role::weight_gradients, "weight_gradients", "g, unscaled and with weight decay", false, {true, true, true}},
    {Role::updates, "updates", "u, what is subtracted from the weights", false, {true, true, true}},
    {Role::momentum, "momentum", "v, the momentum buffer", false, {true, true, true}},
    {Role::master, "master", "w, the weights that the optimizer keeps", false, {true, true, true}},
}};

}  // namespace

std::span<const RoleEntry> roles() {
  return role_table;
}

const RoleEntry* find_role(std::string_view name) {
  const auto found = std::find_if(role_table.begin(), role_table.end(), [&](const auto& r) { return r.name == name; });
  return found == role_table.end() ? nullptr : &*found;
}

void check_format(const RoleEntry& role, std::string_view setting, std::string_view value) {
  const formats::Conversion conversion = formats::parse_conversion(value);
  const formats::Blocking blocking = conversion.format->blocking();
  const bool blocked = blocking.kind == formats::BlockKind::channel || blocking.kind == formats::BlockKind::reduction;
  if (blocked && !role.operand) {
    throw UserError(fmt::format(
        "plan.{} = {}: blocks belong to operands of products (weights, activations, errors); role {} takes formats "
        "with one scale per tensor or none",
        setting, value, role.name));
  }
  if (role.operand && conversion.format->kind() == formats::OperandKind::storage_only) {
    throw UserError(fmt::format(
        "plan.{} = {}: operands of products have codes of at most 16 bits; {} is for storage (outputs, saved, "
        "weight_gradients, updates, momentum, master)",
        setting, value, conversion.format->name()));
  }
}

}  // namespace precsim::nn
