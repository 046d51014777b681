// All sections in order.
#include "experiments/verify/tables.hpp"

namespace precsim::verify {

std::vector<Section> sections() {
  std::vector<Section> all;
  for (const std::span<const Section> table :
       {conversion_sections(), operation_sections(), catalogue_sections(), random_sections(), dfp_sections(),
         control_sections(), mx_sections(), instruction_sections(), chain_sections(), telemetry_sections()}) {
    all.insert(all.end(), table.begin(), table.end());
  }
  return all;
}

}  // namespace precsim::verify
