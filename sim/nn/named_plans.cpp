// The table of named plans.
#include "sim/nn/named_plans.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "formats/catalogue.hpp"
#include "formats/error.hpp"
#include "formats/grammar.hpp"
#include "sim/nn/roles.hpp"

namespace precsim::nn {
namespace {

constexpr std::array<NamedPlan, 11> plan_table{{
    {"fp32", "everything FP32", "", "none"},
    {"bf16", "bfloat16 operands and forward results, FP32 accumulator and master",
     "weights=bf16 activations=bf16 outputs=bf16 errors=bf16", "none"},
    {"fp16", "FP16 operands and forward results, FP32 accumulator and master, loss scaling (Micikevicius et al. 2018)",
     "weights=fp16 activations=fp16 outputs=fp16 errors=fp16", "dynamic"},
    {"dfp16", "INT16 dynamic fixed point in every product, headroom 1, chains proved safe",
     "weights=dfp16:headroom=1 activations=dfp16:headroom=1 errors=dfp16:headroom=1", "none"},
    {"dfp16_paper", "dfp16, but first convolution and classifier in FP32 (Das et al. 2018)",
     "weights=dfp16:headroom=1 activations=dfp16:headroom=1 errors=dfp16:headroom=1 first_convolution.weights=fp32 "
     "first_convolution.activations=fp32 first_convolution.errors=fp32 classifier.weights=fp32 "
     "classifier.activations=fp32 classifier.errors=fp32",
     "none"},
    {"dfp12", "12-bit dynamic fixed point in every product", "weights=dfp12 activations=dfp12 errors=dfp12", "none"},
    {"dfp8", "8-bit dynamic fixed point in every product", "weights=dfp8 activations=dfp8 errors=dfp8", "none"},
    {"dfp6", "6-bit dynamic fixed point in every product", "weights=dfp6 activations=dfp6 errors=dfp6", "none"},
    {"dfp4", "4-bit dynamic fixed point in every product", "weights=dfp4 activations=dfp4 errors=dfp4", "none"},
    {"flex16+5", "Flexpoint in every product, exponents predicted (Koester et al. 2017)",
     "weights=flex16+5 activations=flex16+5 errors=flex16+5", "none"},
    {"dfxp12", "12-bit fixed point in every product, ranges controlled every 10 steps (Courbariaux et al. 2015)",
     "weights=dfxp12:range=1,every=10 activations=dfxp12:range=3,every=10 errors=dfxp12:range=-3,every=10", "none"},
}};

const NamedPlan* named_plan(std::string_view name) {
  const auto found = std::find_if(plan_table.begin(), plan_table.end(), [&](const auto& p) { return p.name == name; });
  return found == plan_table.end() ? nullptr : &*found;
}

/// The format that stands for a plan; a name without options is more likely a misspelled plan than a format.
formats::FormatPtr format_of_plan(std::string_view name) {
  try {
    return formats::parse_format(name);
  } catch (const UserError&) {
    if (name.find(':') != std::string_view::npos) {
      throw;
    }
    const UserError unknown = formats::unknown_name("precision plan", name, name, plan_table, &NamedPlan::name);
    throw UserError(fmt::format("{}, or a format of operands, such as dfp6:block=32", unknown.what()));
  }
}

}  // namespace

std::span<const NamedPlan> named_plans() {
  return plan_table;
}

PlanMeaning find_plan(std::string_view name) {
  if (const NamedPlan* plan = named_plan(name)) {
    return {std::string(plan->settings), plan->loss_scale};
  }
  const std::string format = format_of_plan(name)->name();
  std::string settings;
  for (const RoleEntry& role : roles()) {
    if (role.operand) {
      check_format(role, role.name, format);
      settings += fmt::format("{}{}={}", settings.empty() ? "" : " ", role.name, format);
    }
  }
  return {settings, "none"};
}

std::string canonical_plan_name(std::string_view name) {
  if (named_plan(name) != nullptr) {
    return std::string(name);
  }
  std::string format = format_of_plan(name)->name();
  const NamedPlan* same_name = named_plan(format);
  return same_name == nullptr || same_name->settings == find_plan(name).settings ? format : std::string(name);
}

}  // namespace precsim::nn
