// Parsing, checking and resolving precision plans.
#include "sim/nn/precision_plan.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "formats/error.hpp"
#include "formats/grammar.hpp"
#include "formats/words.hpp"
#include "sim/nn/named_plans.hpp"

namespace precsim::nn {
namespace {

constexpr std::string_view first_convolution = "first_convolution";
constexpr std::string_view classifier = "classifier";

constexpr std::size_t longest_key = 200;

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t stop = std::min(text.find(separator, at), text.size());
    parts.emplace_back(text.substr(at, stop - at));
    at = stop + 1;
  }
  return parts;
}

std::optional<Pass> find_pass(std::string_view text) {
  for (const Pass pass : kernels::passes) {
    if (kernels::name(pass) == text) {
      return pass;
    }
  }
  return std::nullopt;
}

bool is_accumulator(std::string_view what) {
  return what == "accumulator" || what == "float_accumulator";
}

bool is_what(std::string_view text) {
  return find_role(text) != nullptr || is_accumulator(text) || text == "rounding";
}

std::vector<std::string> whats() {
  std::vector<std::string> names;
  for (const RoleEntry& role : roles()) {
    names.emplace_back(role.name);
  }
  names.insert(names.end(), {"rounding", "accumulator", "float_accumulator"});
  return names;
}

/// Which side of a product an operand role is on; both channel and block rules need it.
kernels::Side side_of(Role role, Pass pass) {
  const bool right = role == Role::weights || (role == Role::activations && pass == Pass::weight_gradient);
  return right ? kernels::Side::right : kernels::Side::left;
}

/// True iff some tensor of the layer is converted to another format than FP32.
bool takes_rounding(const LayerPlan& plan, const LayerTraits& traits) {
  for (const RoleEntry& role : roles()) {
    const bool has_role = traits.product || (traits.saves && role.role == Role::saved && plan.saves_separately);
    for (const Pass pass : kernels::passes) {
      if (has_role && role.in_pass[static_cast<std::size_t>(pass)] &&
          !formats::is_fp32(*plan.of(role.role, pass).format)) {
        return true;
      }
    }
  }
  return false;
}

}  // namespace

std::string canonical_value(std::string_view key, std::string_view value) {
  PrecisionPlan("fp32").set(key, value);
  for (const std::string& part : split(key, '.')) {
    if (find_role(part) != nullptr) {
      const formats::Conversion conversion = formats::parse_conversion(value);
      const bool stated = value.find('@') != std::string_view::npos;
      return conversion.format->name() + (stated ? "@" + formats::name(conversion.rounding) : "");
    }
    if (part == "rounding") {
      return formats::name(formats::parse_rounding(value));
    }
    if (part == "accumulator") {
      return arith::parse_integer_accumulator(value).name();
    }
  }
  return arith::parse_float_accumulator(value).name();
}

PrecisionPlan::PrecisionPlan(std::string_view name) {
  const std::string settings = find_plan(name).settings;
  if (settings.empty()) {
    return;
  }
  for (const std::string& setting : split(settings, ' ')) {
    const std::size_t equals = setting.find('=');
    set(std::string_view(setting).substr(0, equals), std::string_view(setting).substr(equals + 1));
    settings_.back().of_user = false;
  }
}

void PrecisionPlan::set(std::string_view key, std::string_view value) {
  const auto is_name = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.'; };
  if (key.size() > longest_key || !std::all_of(key.begin(), key.end(), is_name)) {
    throw UserError(fmt::format("unknown plan key {}; keys are names of a-z, 0-9 and '_' with dots between, {} at most",
                                formats::quote(fmt::format("plan.{}", key)), longest_key));
  }
  std::vector<std::string> parts = split(key, '.');
  Setting setting{std::string(key), {}, {}, {}, std::string(value)};
  if (parts.size() > 1 && !is_what(parts[0])) {
    setting.layer = parts[0];
    parts.erase(parts.begin());
  }
  setting.what = parts[0];
  if (!is_what(setting.what) || parts.size() > 2 || key.starts_with('.')) {
    throw formats::unknown_name("plan key", fmt::format("plan.{}", key), setting.what, whats());
  }
  const RoleEntry* role = find_role(setting.what);
  if (parts.size() == 2) {
    setting.pass = find_pass(parts[1]);
    if (!setting.pass || setting.what == "rounding" || (role != nullptr && !role->operand)) {
      throw UserError(fmt::format(
          "plan.{}: '{}' is no pass of {}; passes are forward, input_gradient and weight_gradient, and only operands "
          "and accumulators have one",
          key, parts[1], setting.what));
    }
    if (role != nullptr && !role->in_pass[static_cast<std::size_t>(*setting.pass)]) {
      throw UserError(fmt::format("plan.{}: {} have no part in the {} pass", key, role->name, parts[1]));
    }
  }
  if (role != nullptr) {
    check_format(*role, setting.text, value);
  } else if (setting.what == "rounding") {
    formats::parse_rounding(value);
  } else if (setting.what == "accumulator") {
    arith::parse_integer_accumulator(value);
  } else {
    arith::parse_float_accumulator(value);
  }
  settings_.push_back(std::move(setting));
}

int PrecisionPlan::scope(const Setting& setting, const LayerTraits& traits) const {
  if (setting.layer.empty()) {
    return 0;
  }
  if ((setting.layer == first_convolution && traits.first_convolution) ||
      (setting.layer == classifier && traits.classifier)) {
    return 1;
  }
  return setting.layer == traits.name ? 2 : -1;
}

void PrecisionPlan::apply(const Setting& setting, formats::Rounding rounding, LayerPlan& plan) const {
  for (const Pass pass : kernels::passes) {
    if (setting.pass && *setting.pass != pass) {
      continue;
    }
    const auto p = static_cast<std::size_t>(pass);
    if (const RoleEntry* role = find_role(setting.what)) {
      plan.conversions[static_cast<std::size_t>(role->role)][p] = formats::parse_conversion(setting.value, rounding);
      plan.saves_separately |= role->role == Role::saved;
    } else if (setting.what == "accumulator") {
      plan.accumulators[p].integer = arith::parse_integer_accumulator(setting.value);
    } else if (setting.what == "float_accumulator") {
      plan.accumulators[p].floating = arith::parse_float_accumulator(setting.value);
    }
  }
}

LayerPlan PrecisionPlan::layer(const LayerTraits& traits) const {
  LayerPlan plan;
  const formats::Conversion fp32{formats::parse_format("fp32"), {}};
  for (auto& role : plan.conversions) {
    role.fill(fp32);
  }
  std::vector<const Setting*> ordered;
  for (int level = 0; level <= 2; ++level) {
    for (const bool with_pass : {false, true}) {
      for (const Setting& setting : settings_) {
        if (scope(setting, traits) == level && setting.pass.has_value() == with_pass) {
          ordered.push_back(&setting);
        }
      }
    }
  }
  formats::Rounding rounding;
  for (const Setting* setting : ordered) {
    rounding = setting->what == "rounding" ? formats::parse_rounding(setting->value) : rounding;
  }
  for (const Setting* setting : ordered) {
    apply(*setting, rounding, plan);
  }
  return plan;
}

void PrecisionPlan::check_governs(const Setting& setting, std::span<const LayerTraits> layers) const {
  if (!setting.of_user || find_role(setting.what) != nullptr) {
    return;
  }
  const auto is_integer = [](const formats::Conversion& conversion) {
    return conversion.format->kind() == formats::OperandKind::integer;
  };
  bool governs = false;
  for (const LayerTraits& traits : layers) {
    if (scope(setting, traits) < 0) {
      continue;
    }
    const LayerPlan plan = layer(traits);
    if (setting.what == "rounding") {
      governs = governs || takes_rounding(plan, traits);
      continue;
    }
    for (const Pass pass : kernels::passes) {
      const bool exists = traits.product && (pass != Pass::input_gradient || traits.input_gradient);
      if (!exists || (setting.pass && *setting.pass != pass)) {
        continue;
      }
      const Role left = pass == Pass::forward ? Role::activations : Role::errors;
      const Role right = pass == Pass::weight_gradient ? Role::activations : Role::weights;
      const bool integer = is_integer(plan.of(left, pass)) && is_integer(plan.of(right, pass));
      governs = governs || integer == (setting.what == "accumulator");
    }
  }
  if (!governs) {
    throw UserError(fmt::format("plan.{} = {} has no effect: {}", setting.text, setting.value,
                                setting.what == "rounding"      ? "every tensor it is for is FP32"
                                : setting.what == "accumulator" ? "none of those products has two integer operands"
                                                                : "all of those products have two integer operands"));
  }
}

void PrecisionPlan::check(std::span<const LayerTraits> layers, bool has_momentum) const {
  std::vector<std::string> names{std::string(first_convolution), std::string(classifier)};
  for (const LayerTraits& layer : layers) {
    if (layer.product || layer.saves) {
      names.push_back(layer.name);
    }
  }
  for (const Setting& setting : settings_) {
    if (setting.what == "momentum" && !has_momentum) {
      throw UserError(fmt::format("plan.{} = {}: there is no momentum buffer, since optimizer.momentum is 0",
                                  setting.text, setting.value));
    }
    if (setting.layer.empty()) {
      continue;
    }
    bool found = setting.layer == first_convolution && !setting.of_user;
    for (const LayerTraits& layer : layers) {
      if (scope(setting, layer) <= 0) {
        continue;
      }
      found = true;
      if (!layer.product && !(layer.saves && (setting.what == "saved" || setting.what == "rounding"))) {
        throw UserError(fmt::format("plan.{}: layer {} has no {}{}", setting.text, layer.name, setting.what,
                                    layer.saves ? "; it has saved" : ""));
      }
      if (setting.pass == Pass::input_gradient && !layer.input_gradient) {
        throw UserError(fmt::format("plan.{}: {} is the first layer that learns, so it has no input gradient",
                                    setting.text, layer.name));
      }
    }
    if (!found && setting.layer == first_convolution) {
      throw UserError(fmt::format("plan.{}: this model has no convolution", setting.text));
    }
    if (!found) {
      throw formats::unknown_name("layer in plan key", fmt::format("plan.{}", setting.text), setting.layer, names);
    }
  }
  for (const Setting& setting : settings_) {
    check_governs(setting, layers);
  }
  for (const LayerTraits& traits : layers) {
    const LayerPlan plan = layer(traits);
    for (const RoleEntry& role : roles()) {
      for (const Pass pass : kernels::passes) {
        if (traits.product && role.operand && role.in_pass[static_cast<std::size_t>(pass)] &&
            (pass != Pass::input_gradient || traits.input_gradient)) {
          kernels::check_blocking(*plan.of(role.role, pass).format, pass, side_of(role.role, pass),
                                  fmt::format("plan: {} of layer {}", role.name, traits.name));
        }
      }
    }
  }
}

}  // namespace precsim::nn
