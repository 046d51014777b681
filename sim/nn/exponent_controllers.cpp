// The exponent controllers of a network, saved and restored.
#include "sim/nn/exponent_controllers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "formats/catalogue.hpp"
#include "formats/error.hpp"

namespace precsim::nn {
namespace {

constexpr double most_conversions = 4294967296;  // there are no more steps

bool is_whole(double x, double low, double high) {
  return x >= low && x <= high && x == std::floor(x);
}

}  // namespace

ControlReport ExponentControllers::Entry::observe(const formats::CodeCounts& codes, int used, std::int64_t step) {
  controller->observe(codes, used);
  moves += conversions > 0 && used != exponent ? 1 : 0;
  overflows += codes.at_limit > 0 ? 1 : 0;
  ++conversions;
  exponent = used;
  return {exponent, controller->exponent(step + 1).value_or(used), codes, conversions, overflows, moves};
}

ExponentControllers::Entry* ExponentControllers::find(std::string_view layer, Role role, Use use,
                                                      const formats::FormatPtr& format, const StepContext& context) {
  const Key key{std::string(layer), role, use};
  const auto found = entries_.find(key);
  if (found != entries_.end()) {
    PRECSIM_CHECK(found->second.format->name() == format->name(), "one conversion, two formats");
    return &found->second;
  }
  std::unique_ptr<formats::ExponentController> controller = context.training ? format->make_controller() : nullptr;
  if (controller == nullptr) {
    return nullptr;
  }
  Entry& entry = entries_[key];
  entry.format = format;
  entry.controller = std::move(controller);
  return &entry;
}

std::vector<ControlState> ExponentControllers::state() const {
  std::vector<ControlState> states;
  for (const auto& [key, entry] : entries_) {
    if (entry.conversions == 0) {
      continue;  // as if it had not been asked for
    }
    const auto& [layer, role, use] = key;
    ControlState state{layer, std::string(name(role)), std::string(name(use)), entry.format->name(), {}};
    for (const std::int64_t number : {entry.conversions, entry.overflows, entry.moves, entry.exponent}) {
      state.numbers.push_back(static_cast<double>(number));
    }
    const std::vector<double> own = entry.controller->state();
    state.numbers.insert(state.numbers.end(), own.begin(), own.end());
    states.push_back(std::move(state));
  }
  return states;
}

ExponentControllers::Entries::value_type ExponentControllers::restored(const ControlState& state) {
  const auto wrong = [&](std::string_view what) {
    return UserError(fmt::format("the saved exponents of {} are not those of a run: {}", state.path(), what));
  };
  const auto role = std::ranges::find(roles(), state.role, &RoleEntry::name);
  const auto use = std::ranges::find(use_names, state.use);
  if (role == roles().end() || use == std::ranges::end(use_names)) {
    throw wrong("no tensor is called so");
  }
  Entry entry;
  entry.format = formats::parse_format(state.format);
  entry.controller = entry.format->make_controller();
  if (entry.controller == nullptr) {
    throw wrong(fmt::format("{} takes its exponents from each tensor itself", state.format));
  }
  const std::vector<double>& n = state.numbers;
  const bool counts = n.size() >= 4 && is_whole(n[0], 1, most_conversions) && is_whole(n[1], 0, n[0]) &&
                      is_whole(n[2], 0, n[0]) && is_whole(n[3], -256, 256);
  if (!counts || !entry.controller->restore(std::span(n).subspan(4))) {
    throw wrong(fmt::format("no state of {} has these numbers", state.format));
  }
  entry.conversions = static_cast<std::int64_t>(n[0]);
  entry.overflows = static_cast<std::int64_t>(n[1]);
  entry.moves = static_cast<std::int64_t>(n[2]);
  entry.exponent = static_cast<std::int64_t>(n[3]);
  return {Key{state.layer, role->role, static_cast<Use>(use - std::ranges::begin(use_names))}, std::move(entry)};
}

void ExponentControllers::restore(std::span<const ControlState> states) {
  Entries entries;
  for (const ControlState& state : states) {
    entries.insert(restored(state));
  }
  entries_ = std::move(entries);
}

}  // namespace precsim::nn
