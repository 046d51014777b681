// When a loop is worth sharing among threads.
#pragma once

#include <cstdint>

namespace precsim::kernels {

/// True iff a loop over this many elements is long enough that waking the other threads pays; results never depend
/// on it.
constexpr bool worth_threads(std::int64_t elements) {
  return elements >= (1 << 16);
}

}  // namespace precsim::kernels
