// The table of groups.
#include <span>

#include "experiments/bench/contender.hpp"
#include "experiments/bench/peers.hpp"

namespace precsim::bench {
namespace {

constexpr Group table[] = {
    {"gemm", "matrix products by the native kernels: squares, ragged and tiny ones, those of ResNet-50, chains",
     gemm_cases},
    {"conv", "convolutions by the native kernels: ResNet-50 at batch 16, ResNet-20 at batch 128, three passes",
     convolution_cases},
    {"convert", "FP32 arrays of 2^24 elements to codes and back", conversion_cases},
    {"simulate", "products by simulation: INT16 with full telemetry, float accumulators", simulation_cases},
};

struct UnitRow {
  std::string_view name;
  double scale;
};
constexpr UnitRow units[] = {{"GMAC/s", 1e9}, {"Melem/s", 1e6}};

}  // namespace

std::span<const Group> groups() {
  return table;
}

std::string_view name(Unit unit) {
  return units[static_cast<std::size_t>(unit)].name;
}

double scale(Unit unit) {
  return units[static_cast<std::size_t>(unit)].scale;
}

}  // namespace precsim::bench
