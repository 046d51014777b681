// Fuzzes settings of a command line. Every line of the input is the argument of one --set.
#include "tests/fuzz/config_properties.hpp"
#include "tests/fuzz/targets.hpp"

namespace precsim::fuzz {

void config_set(std::string_view input) {
  std::optional<config::Config> config;
  if (accepts([&] { config = config::resolve({{}, lines_of(input), {}}, experiments::check_value); })) {
    check_config(*config);
  }
}

}  // namespace precsim::fuzz
