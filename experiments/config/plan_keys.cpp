// The family of plan.* keys: which names a precision plan's settings have.
#include "experiments/config/plan_keys.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "formats/error.hpp"
#include "formats/words.hpp"

namespace precsim::config {
using formats::hint;
using formats::join;
using formats::quote;
namespace {

constexpr std::array<std::string_view, 9> roles = {"weights",          "activations", "outputs",  "saved", "errors",
                                                   "weight_gradients", "updates",     "momentum", "master"};
constexpr std::array<std::string_view, 3> passes = {"forward", "input_gradient", "weight_gradient"};
constexpr std::array<std::string_view, 2> accumulators = {"accumulator", "float_accumulator"};

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

bool takes_pass(std::string_view word) {
  return is_one_of(roles, word) || is_one_of(accumulators, word);
}

std::vector<std::string_view> words() {
  std::vector<std::string_view> all(roles.begin(), roles.end());
  all.emplace_back("rounding");
  all.insert(all.end(), accumulators.begin(), accumulators.end());
  return all;
}

bool is_word(std::string_view name) {
  return takes_pass(name) || name == "rounding";
}

bool is_name(std::string_view name) {
  return !name.empty() &&
         std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

std::vector<std::string_view> components(std::string_view key) {
  std::vector<std::string_view> names;
  for (std::size_t dot = key.find('.'); dot != std::string_view::npos; dot = key.find('.')) {
    key.remove_prefix(dot + 1);
    names.push_back(key.substr(0, key.find('.')));
  }
  return names;
}

void check_names(std::string_view key, const std::vector<std::string_view>& names, std::size_t most) {
  if (names.size() > most || !std::ranges::all_of(names, is_name)) {
    throw UserError(fmt::format(
        "unknown key {}, after 'plan' come at most {} names of the characters a-z, 0-9 and '_', dots between.",
        quote(key), most));
  }
}

void refuse_word(std::string_view key, std::string_view word, bool alone) {
  auto valid = words();
  if (alone) valid.emplace(valid.begin(), "name");
  throw UserError(fmt::format("unknown key {}, {} is nothing a plan sets{}: valid are {}.", quote(key), quote(word),
                              hint(word, valid), join(valid)));
}

void check_pass(std::string_view key, std::string_view word, std::string_view pass) {
  if (!takes_pass(word)) {
    throw UserError(fmt::format("unknown key {}, '{}' has no parts: end the key there.", quote(key), word));
  }
  if (!is_one_of(passes, pass)) {
    throw UserError(fmt::format("unknown key {}, {} is no pass{}: valid are {}.", quote(key), quote(pass),
                                hint(pass, passes), join(passes)));
  }
}

}  // namespace

std::span<const std::string_view> plan_roles() {
  return roles;
}

std::span<const std::string_view> plan_passes() {
  return passes;
}

void check_plan_key(std::string_view key) {
  auto names = components(key);
  check_names(key, names, 3);
  if (names.empty()) refuse_word(key, key, true);
  const bool alone = names.size() == 1;
  const bool misspelled_word = names.size() == 2 && is_one_of(passes, names[1]);
  const bool one_layer = names.size() > 1 && !is_word(names[0]) && !misspelled_word;
  if (one_layer) names.erase(names.begin());
  if (!is_word(names[0])) refuse_word(key, names[0], alone);
  if (names.size() == 3) {
    throw UserError(fmt::format("unknown key {}, '{}' cannot name a layer because it names what a plan sets.",
                                quote(key), names[0]));
  }
  if (names.size() == 2) check_pass(key, names[0], names[1]);
}

void check_plan_section(std::string_view section) {
  check_names(section, components(section), 2);
}

}  // namespace precsim::config
