// The check of the floating-point control register.
#include "sim/kernels/floating_point_control.hpp"

#include <cfenv>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "formats/error.hpp"

namespace precsim::kernels {

void check_floating_point_control() {
  bool nearest = true;
  bool subnormals = true;
#pragma omp parallel reduction(&& : nearest, subnormals)
  {
    nearest = std::fegetround() == FE_TONEAREST;
#if defined(__x86_64__)
    subnormals = (_mm_getcsr() & 0x8040u) == 0;
#endif
  }
  PRECSIM_CHECK(nearest, "a thread does not round to nearest");
  PRECSIM_CHECK(subnormals, "a thread has flush-to-zero or denormals-are-zero set");
}

}  // namespace precsim::kernels
