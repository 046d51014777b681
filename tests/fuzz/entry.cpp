// The way from libFuzzer to the target that PRECSIM_FUZZ_TARGET names.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/targets.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  precsim::fuzz::PRECSIM_FUZZ_TARGET({reinterpret_cast<const char*>(data), size});
  return 0;
}
