// Error statistics of blocks, formed in pieces of a tensor and joined in order.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "formats/statistics_kernel.hpp"

namespace precsim::analysis {

/// One block of one conversion, over elements whose x and y are finite.
struct BlockErrors {
  std::int64_t block = 0;
  int exponent = 0;
  float absmax = 0;  ///< of the finite x
  formats::BlockPart sums;
};

/// Counts of whole numbers, kept for the range that occurs.
class ValueCounts {
 public:
  void add(int value, std::uint64_t times = 1);
  void join(const ValueCounts& next);
  std::uint64_t count() const { return count_; }
  /// The value of rank `rank`, counted from 1 to count().
  int ranked(std::uint64_t rank) const;

 private:
  int first_ = 0;
  std::vector<std::uint64_t> bins_;
  std::uint64_t count_ = 0;
};

/// Counts SQNRs of blocks in steps of 1/128 of a factor of two (0.02 to 0.04 dB).
class SqnrCounts {
 public:
  /// A block without signal and noise counts as `silent` and enters no figure; one without noise is above all others.
  void add(const formats::BlockPart& sums);
  void join(const SqnrCounts& next);

  std::uint64_t silent() const { return silent_; }
  /// The smallest SQNR in dB, exact; NaN if there is none, as for the others.
  double least_db() const;
  /// The SQNR in dB of the block of rank max(1, ceil(share * n)), at most 0.04 dB below the truth.
  double quantile_db(double share) const;

 private:
  ValueCounts noisy_;
  std::uint64_t noiseless_ = 0, silent_ = 0;
  double least_ = 0;
};

/// The rank of a quantile among `count` elements: max(1, ceil(share * count)).
std::uint64_t rank_of(double share, std::uint64_t count);

/// The blocks of one conversion in a piece of a tensor, or in a tensor so far.
class BlockSums {
 public:
  /// With `keep`, or once joined by such sums, finished blocks are also kept as rows.
  explicit BlockSums(bool keep = false) : keep_(keep) {}

  /// The next part of a block, in rising order; `errors.sums` is of the part. first, last: it begins or ends the block.
  void add(const BlockErrors& errors, bool first, bool last);
  /// What follows these blocks.
  void join(BlockSums&& next);

  const SqnrCounts& sqnr() const { return sqnr_; }
  const ValueCounts& exponents() const { return exponents_; }
  /// Kept since the last call.
  std::vector<BlockErrors> take_rows() { return std::exchange(rows_, {}); }

 private:
  void finish(const BlockErrors& block);

  bool keep_;
  SqnrCounts sqnr_;
  ValueCounts exponents_;
  std::vector<BlockErrors> rows_;
  std::optional<BlockErrors> head_;  ///< the end, or a middle part, of a block that began before
  bool head_ends_ = false;
  std::optional<BlockErrors> open_;  ///< a block that has begun here and not ended
};

}  // namespace precsim::analysis
