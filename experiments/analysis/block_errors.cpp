// Error statistics of blocks; see block_errors.hpp.
#include "experiments/analysis/block_errors.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include "formats/error.hpp"
#include "formats/statistics.hpp"

namespace precsim::analysis {
namespace {

/// Bins of ratios: exponent and upper 7 bits of the fraction of a double.
constexpr int dropped_bits = 45;

int bin_of(double ratio) {
  return static_cast<int>(std::bit_cast<std::uint64_t>(ratio) >> dropped_bits);
}

double ratio_of(int bin) {
  return std::bit_cast<double>(static_cast<std::uint64_t>(bin) << dropped_bits);
}

void add_part(BlockErrors& block, const BlockErrors& part) {
  block.sums.signal += part.sums.signal;
  block.sums.noise += part.sums.noise;
  block.sums.max_abs = std::max(block.sums.max_abs, part.sums.max_abs);
}

}  // namespace

std::uint64_t rank_of(double share, std::uint64_t count) {
  return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count))));
}

void ValueCounts::add(int value, std::uint64_t times) {
  if (bins_.empty()) {
    first_ = value;
  }
  if (value < first_) {
    bins_.insert(bins_.begin(), static_cast<std::size_t>(first_ - value), 0);
    first_ = value;
  }
  const auto bin = static_cast<std::size_t>(value - first_);
  if (bin >= bins_.size()) {
    bins_.resize(bin + 1);
  }
  bins_[bin] += times;
  count_ += times;
}

void ValueCounts::join(const ValueCounts& next) {
  for (std::size_t b = 0; b < next.bins_.size(); ++b) {
    if (next.bins_[b] != 0) {
      add(next.first_ + static_cast<int>(b), next.bins_[b]);
    }
  }
}

int ValueCounts::ranked(std::uint64_t rank) const {
  PRECSIM_CHECK(1 <= rank && rank <= count_, "rank " + std::to_string(rank));
  std::size_t bin = 0;
  for (std::uint64_t below = bins_[0]; below < rank; below += bins_[bin]) {
    ++bin;
  }
  return first_ + static_cast<int>(bin);
}

void SqnrCounts::add(const formats::BlockPart& sums) {
  if (sums.noise == 0) {
    ++(sums.signal == 0 ? silent_ : noiseless_);
    return;
  }
  const double ratio = sums.signal / sums.noise;
  least_ = noisy_.count() == 0 ? ratio : std::min(least_, ratio);
  noisy_.add(bin_of(ratio));
}

void SqnrCounts::join(const SqnrCounts& next) {
  if (next.noisy_.count() != 0) {
    least_ = noisy_.count() == 0 ? next.least_ : std::min(least_, next.least_);
  }
  noisy_.join(next.noisy_);
  noiseless_ += next.noiseless_;
  silent_ += next.silent_;
}

double SqnrCounts::least_db() const {
  if (noisy_.count() != 0) {
    return formats::sqnr_db(least_, 1);
  }
  return noiseless_ != 0 ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
}

double SqnrCounts::quantile_db(double share) const {
  const std::uint64_t count = noisy_.count() + noiseless_;
  const std::uint64_t rank = rank_of(share, count);
  if (rank > noisy_.count()) {
    return count == 0 ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity();
  }
  return std::max(formats::sqnr_db(ratio_of(noisy_.ranked(rank)), 1), least_db());
}

void BlockSums::add(const BlockErrors& errors, bool first, bool last) {
  if (first && last) {
    finish(errors);
    return;
  }
  if (first) {
    open_ = errors;
    return;
  }
  std::optional<BlockErrors>& block = open_ ? open_ : head_;
  if (block) {
    add_part(*block, errors);
  } else {
    block = errors;
  }
  if (!last) {
    return;
  }
  if (open_) {
    finish(*std::exchange(open_, std::nullopt));
  } else {
    head_ends_ = true;
  }
}

void BlockSums::join(BlockSums&& next) {
  keep_ = keep_ || next.keep_;
  if (next.head_) {
    add(*next.head_, false, next.head_ends_);
  }
  sqnr_.join(next.sqnr_);
  exponents_.join(next.exponents_);
  rows_.insert(rows_.end(), next.rows_.begin(), next.rows_.end());
  if (next.open_) {
    open_ = next.open_;
  }
}

void BlockSums::finish(const BlockErrors& block) {
  sqnr_.add(block.sums);
  exponents_.add(block.exponent);
  if (keep_) {
    rows_.push_back(block);
  }
}

}  // namespace precsim::analysis
