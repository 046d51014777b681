// Fuzzes configuration files. The input is the file's text.
#include "tests/fuzz/config_properties.hpp"
#include "tests/fuzz/targets.hpp"

namespace precsim::fuzz {

void config_file(std::string_view input) {
  config::Config config(experiments::check_value);
  if (accepts([&] { config.read_ini(input, "fuzz.ini"); })) check_config(config);
}

}  // namespace precsim::fuzz
