// Totals: sums of times, weighted by how often a layer occurs.
#include "experiments/bench/totals.hpp"

#include <algorithm>

namespace precsim::bench {
namespace {

constexpr std::string_view all_passes = "all";

/// Adds `value` behind the last of `values` unless it is there.
void add_once(std::vector<std::string>& values, std::string_view value) {
  if (std::ranges::find(values, value) == values.end()) {
    values.emplace_back(value);
  }
}

struct Selection {
  std::string_view network, pass;
  bool with_first;

  bool holds(const Part& part) const {
    return part.network == network && (pass == all_passes || part.pass == pass) && (with_first || !part.first_layer);
  }
};

void add_total(const Selection& selection, std::string_view contender, std::span<const Case> catalogue,
               std::span<const Row> rows, std::vector<Total>& totals) {
  Total total{std::string(selection.network), std::string(selection.pass), selection.with_first,
              std::string(contender)};
  double ideal = 0;
  for (const Case& what : catalogue) {
    if (!selection.holds(what.part)) {
      continue;
    }
    const auto row = std::ranges::find_if(
        rows, [&](const Row& one) { return one.case_name == what.name && one.contender == contender; });
    if (row == rows.end()) {
      return;
    }
    total.is_peer = row->is_peer;
    total.work += what.part.multiplicity * row->work;
    total.seconds += what.part.multiplicity * row->seconds;
    ideal += what.part.multiplicity * row->seconds * row->fraction;
  }
  total.fraction = ideal / total.seconds;
  totals.push_back(total);
}

}  // namespace

std::vector<Total> totals(std::span<const Case> catalogue, std::span<const Row> rows) {
  std::vector<std::string> networks, passes, contenders;
  for (const Row& row : rows) {
    if (!row.part.network.empty()) {
      add_once(networks, row.part.network);
      add_once(passes, row.part.pass);
      add_once(contenders, row.contender);
    }
  }
  passes.emplace_back(all_passes);
  std::vector<Total> totals;
  for (const std::string& network : networks) {
    for (const bool with_first : {false, true}) {
      for (const std::string& pass : passes) {
        for (const std::string& contender : contenders) {
          add_total({network, pass, with_first}, contender, catalogue, rows, totals);
        }
      }
    }
  }
  return totals;
}

}  // namespace precsim::bench
