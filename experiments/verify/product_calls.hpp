// Product calls in every way there is, on any number of threads, and what they report.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/kernels/multiply.hpp"
#include "sim/kernels/tile.hpp"

namespace precsim::verify {

/// One way to multiply.
struct Multiplier {
  const kernels::TileKernel* kernel = nullptr;  ///< null: the reference
  std::string_view name = "reference";

  void operator()(const kernels::Product& product, kernels::TelemetryLevel level, std::vector<float>& result,
                  kernels::Telemetry& telemetry) const;
};
/// The reference, and every tile kernel that this CPU can run.
std::vector<Multiplier> usable_multipliers();

/// Sets the threads of OpenMP regions that this thread enters.
class Threads {
 public:
  explicit Threads(int count);
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;
  ~Threads();

 private:
  int before_;
};

/// Everything numerics 9 promises, in one line.
std::string text(const kernels::Telemetry& telemetry);
/// Equal in every bit, SQNR up to the roundings of quotient, logarithm and product.
bool same_telemetry(const kernels::Telemetry& a, kernels::Telemetry b);
/// What is left of the full telemetry at a level.
kernels::Telemetry at_level(kernels::Telemetry full, kernels::TelemetryLevel level);

}  // namespace precsim::verify
