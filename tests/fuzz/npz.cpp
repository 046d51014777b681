// Fuzzes files of the kind .npz. The input is the file.
#include "tests/fuzz/read_tensors.hpp"
#include "tests/fuzz/targets.hpp"

namespace precsim::fuzz {

void npz(std::string_view input) {
  read_tensors(input, false);
}

}  // namespace precsim::fuzz
