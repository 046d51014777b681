// An independent oracle for whole integer products, their telemetry, and the choice of a chain length.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "tests/oracle/product_oracle.hpp"

/// Written from the contract alone (numerics 2-4 and 9) and sharing nothing with the library: every output is recounted
/// product by product in 128 bits.
namespace oracle {

/// An integer product: per group `rows` lines of the left side and `columns` lines of the right side, each `length`
/// products long. A block size of 0: one exponent per line.
struct IntegerProduct {
  std::int64_t groups = 1, rows = 1, columns = 1, length = 0, period = 0;
  std::int64_t block_left = 0, block_right = 0;
  ConvertedSide left, right;         ///< [(group * rows + row) * length + k]
  std::vector<std::int64_t> result;  ///< where output (group * rows + row) * columns + column stands in the result

  bool one_exponent_pair() const { return block_left == 0 && block_right == 0; }
  /// The chains of every output: blocks first, then every `chain` products (0: to the end).
  std::vector<Piece> pieces(std::int64_t chain) const { return cut(length, period, block_left, block_right, chain); }
};
/// One output of exponent 0 over one line of each side.
IntegerProduct single_output(const std::vector<std::int32_t>& left, const std::vector<std::int32_t>& right);

/// What one step adds, what the lane does beyond 32 bits, and products per chain (0: to the end).
struct Accumulation {
  int per_step = 2;
  bool saturate = false;
  std::int64_t chain = 0;
};

/// All that is said of a product: results and exact sums in the order of the result, and numerics 9.
struct Recount {
  std::vector<float> result;
  std::vector<double> exact;
  std::uint64_t chains = 0, events = 0, outputs_with_events = 0;
  std::int64_t first_output = -1, first_k = -1;
  Int128 largest_sum = 0;
  std::array<std::uint64_t, 64> sum_bits{};
  double signal = 0, noise = 0, max_abs_error = 0, mean_error = 0;
  /// 10 log10(signal / noise), rounded from 64 bits of precision.
  double sqnr_db() const;
  /// Signal, noise and errors of `result` against `exact`, in their order.
  void measure();
};
Recount recount(const IntegerProduct& product, const Accumulation& how);

/// True iff the norm bound holds for every chain and group: numerics 4, chain=auto.
bool norms_prove(const IntegerProduct& product, std::int64_t chain);

struct LongestChain {
  std::int64_t length = 0;
  bool proved = false;
};
/// The largest of 512, 256, ..., `shortest` that norms_prove; else `shortest`.
LongestChain longest_chain(const IntegerProduct& product, std::int64_t shortest);

/// True iff no prefix of any chain of any output leaves [-(2^31-1), 2^31-1].
bool stays_in_range(const IntegerProduct& product, std::int64_t chain);

/// Up to four codes from -32768 to 0 whose squares sum to `total` (Lagrange); empty for totals beyond 4 * 2^30.
std::vector<std::int32_t> squares_to(std::int64_t total);

/// VP4DPWSSD (VP4DPWSSDS) as Intel's manual defines it: zmm1 += the dot products of four consecutive registers with the
/// four doublewords of a memory block, register after register; SIGNED_DWORD_SATURATE after each one of the latter.
struct FourRegisters {
  std::array<std::array<std::int16_t, 32>, 4> words;
};
std::array<std::int32_t, 16> vp4dpwssd(const std::array<std::int32_t, 16>& lanes, const FourRegisters& registers,
                                       const std::array<std::int16_t, 8>& memory, bool saturate);

/// INT32 numbers times 2^exponent brought down to a format, and the sum of two tensors (numerics 2); word(i) belongs to
/// element i, `aligning` to the shifted operand of a sum.
using Words = std::function<std::uint32_t(std::size_t)>;
Converted down_convert(const Dfp& dfp, const Converted& numbers, const Words& word);
Converted add(const Dfp& dfp, const Converted& a, const Converted& b, const Words& aligning, const Words& word);

}  // namespace oracle
