// Fuzzes files of the kind .npy. The input is the file.
#include "tests/fuzz/read_tensors.hpp"
#include "tests/fuzz/targets.hpp"

namespace precsim::fuzz {

void npy(std::string_view input) {
  read_tensors(input, true);
}

}  // namespace precsim::fuzz
