// What one product call reports (numerics 9): exact, not sampled.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace precsim::kernels {

/// How much of the telemetry is wanted. Overflow events of integer products are always counted.
enum class TelemetryLevel : std::uint8_t { events, full };

struct Telemetry {
  std::uint64_t outputs = 0;
  std::uint64_t products = 0;     ///< explicit zeros counted
  bool measured = true;           ///< false: native; nothing below but chains, chain_length, proved and exact is known
  std::uint64_t chains = 0;       ///< over all outputs; 0 where FP32 numbers meet
  std::int64_t chain_length = 0;  ///< N; arith::chain_to_end for the whole reduction
  bool proved = false;            ///< no chain can overflow at any prefix, by the norm bound
  double proof_seconds = 0;       ///< native products of tensors: how long it took to show that
  std::uint64_t overflow_events = 0;
  std::uint64_t overflow_outputs = 0;  ///< outputs with at least one event
  std::int64_t first_output = -1;      ///< smallest output index with an event, in the result tensor
  std::int64_t first_k = -1;           ///< k of the first product of its first overflowing step

  /// Only under TelemetryLevel::full.
  bool full = false;
  std::uint64_t max_chain_sum = 0;                        ///< largest |true sum| at a chain end
  std::array<std::uint64_t, 64> chain_bits{};             ///< [b-1]: chain ends whose true sum needs b bits
  double sqnr_db = 0, max_abs_error = 0, mean_error = 0;  ///< result against the exact sum of the same operands
  std::string_view exact;                                 ///< "int64" or "double_fma": how that sum was formed
};

/// Result against exact sums, in output order: sums in double.
class ErrorSums {
 public:
  void add(std::span<const float> result, std::span<const double> exact);
  /// Fills sqnr_db, max_abs_error and mean_error (result - exact).
  void report(Telemetry& telemetry) const;

 private:
  std::size_t outputs_ = 0;
  double signal_ = 0, noise_ = 0, error_ = 0, largest_ = 0;
};

/// Fills sqnr_db, max_abs_error and mean_error (result - exact) from both, in output order.
void compare_with_exact(std::span<const float> result, std::span<const double> exact, Telemetry& telemetry);

}  // namespace precsim::kernels
