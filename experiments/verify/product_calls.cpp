// Product calls; see product_calls.hpp.
#include "experiments/verify/product_calls.hpp"

#include <fmt/format.h>
#include <omp.h>

#include <cmath>

#include "tests/support/operand_support.hpp"

namespace precsim::verify {

using kernels::Telemetry;

namespace {

/// 10 log10 of a quotient of doubles, up to the roundings of quotient, logarithm and product.
bool same_decibels(double a, double b) {
  const double tolerance = 1e-15 + 1e-15 * std::fabs(b);
  return support::same_bits(a, b) || (std::isnan(a) && std::isnan(b)) || std::fabs(a - b) <= tolerance;
}

}  // namespace

void Multiplier::operator()(const kernels::Product& product, kernels::TelemetryLevel level, std::vector<float>& result,
                            Telemetry& telemetry) const {
  if (kernel == nullptr) {
    kernels::multiply_reference(product, result, level, telemetry);
  } else {
    kernels::multiply(product, result, level, telemetry, kernel);
  }
}

std::vector<Multiplier> usable_multipliers() {
  std::vector<Multiplier> all{{}};
  for (const kernels::TileKernel& kernel : kernels::tile_kernels()) {
    if (kernel.usable()) {
      all.push_back({&kernel, kernel.name});
    }
  }
  return all;
}

Threads::Threads(int count) : before_(omp_get_max_threads()) {
  omp_set_num_threads(count);
}

Threads::~Threads() {
  omp_set_num_threads(before_);
}

std::string text(const Telemetry& t) {
  std::string bits;
  for (std::size_t b = 0; b < t.chain_bits.size(); ++b) {
    bits += t.chain_bits[b] == 0 ? "" : fmt::format(" {}:{}", b + 1, t.chain_bits[b]);
  }
  return fmt::format(
      "{} outputs, {} products, {} chains, N {}{}, {} events in {} outputs, first in {} at {}, largest sum {}, bits{}, "
      "{}: SQNR {}, largest error {:a}, mean error {:a}",
      t.outputs, t.products, t.chains, t.chain_length, t.proved ? " (proved)" : "", t.overflow_events,
      t.overflow_outputs, t.first_output, t.first_k, t.max_chain_sum, bits, t.exact, t.sqnr_db, t.max_abs_error,
      t.mean_error);
}

bool same_telemetry(const Telemetry& a, Telemetry b) {
  b.sqnr_db = same_decibels(a.sqnr_db, b.sqnr_db) ? a.sqnr_db : b.sqnr_db;
  return support::same(a, b);
}

Telemetry at_level(Telemetry full, kernels::TelemetryLevel level) {
  if (level == kernels::TelemetryLevel::events) {
    full.full = false;
    full.max_chain_sum = 0;
    full.chain_bits = {};
    full.sqnr_db = full.max_abs_error = full.mean_error = 0;
  }
  return full;
}

}  // namespace precsim::verify
