// Fuzzes precision plans. The input is lines "KEY=VALUE", as PrecisionPlan::set takes them.
#include "sim/nn/precision_plan.hpp"

#include "tests/fuzz/target.hpp"
#include "tests/fuzz/targets.hpp"

namespace precsim::fuzz {
namespace {

const std::vector<nn::LayerTraits> layers = {
    {"conv1", true, false, true, false, false},
    {"bn1", false, true, false, false, true},
    {"conv2", true, false, false, false, true},
    {"fc", true, false, false, true, true},
};

/// All that the plan says about the layers.
std::string resolved(const nn::PrecisionPlan& plan) {
  std::string text;
  for (const nn::LayerTraits& traits : layers) {
    const nn::LayerPlan layer = plan.layer(traits);
    for (const auto& role : layer.conversions) {
      for (const formats::Conversion& conversion : role) text += conversion.name() + ' ';
    }
    for (const kernels::Accumulators& pass : layer.accumulators) {
      text += pass.integer.name() + ' ' + pass.floating.name() + '\n';
    }
  }
  return text;
}

}  // namespace

/// Every setting that is accepted has a canonical value, which means the same for every layer; a plan of accepted
/// settings can be asked about every layer, and fits the model or is refused.
void precision_plan(std::string_view input) {
  nn::PrecisionPlan plan;
  nn::PrecisionPlan canonical;
  for (const std::string& line : lines_of(input)) {
    const std::size_t equals = std::min(line.find('='), line.size());
    const std::string key = line.substr(0, equals);
    const std::string value = line.substr(std::min(equals + 1, line.size()));
    if (!accepts([&] { plan.set(key, value); })) {
      promise(!accepts([&] { nn::canonical_value(key, value); }), "what is refused has no canonical value: " + line);
      continue;
    }
    const std::string text = nn::canonical_value(key, value);
    promise(nn::canonical_value(key, text) == text, line);
    canonical.set(key, text);
  }
  promise(resolved(plan) == resolved(canonical), "canonical values mean the same");
  const bool fits = accepts([&] { plan.check(layers, true); });
  promise(fits == accepts([&] { canonical.check(layers, true); }), "canonical values fit the same models");
  accepts([&] { plan.check(layers, false); });
}

}  // namespace precsim::fuzz
