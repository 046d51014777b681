// Sums behind the error statistics; see statistics_sums.hpp.
#include "formats/statistics_sums.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "formats/array_kernel.hpp"
#include "formats/error.hpp"
#include "formats/exact.hpp"

namespace precsim::formats {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

double mean_of(double sum, std::uint64_t count) {
  return count == 0 ? nan : sum / static_cast<double>(count);
}

}  // namespace

void StatisticsRun::set(std::span<const float> x) {
  PRECSIM_CHECK(x.size() <= static_cast<std::size_t>(statistics_run), "run of " + std::to_string(x.size()));
  size_ = static_cast<std::int64_t>(x.size());
  padded_ = (size_ + statistics_lanes - 1) / statistics_lanes * statistics_lanes;
  nonfinite_ = 0;
  copied_ = padded_ != size_ || best_array_kernel().extent(x.data(), size_).first_nonfinite >= 0;
  given_ = x_ = x.data();
  if (copied_) {
    copy_.fill(0);
    for (std::size_t j = 0; j < x.size(); ++j) {
      nonfinite_ += is_nonfinite(x[j]) ? 1 : 0;
      copy_[j] = is_nonfinite(x[j]) ? 0 : x[j];
    }
    x_ = copy_.data();
  }
  if (size_ == 0) {
    reference_.counts.fill(0);
    squares_ = reference_.sum = 0;
    return;
  }
  kernel_.reference(x_, padded_, reference_);
  if (copied_) {
    reference_.counts[0] =
        static_cast<std::uint16_t>(reference_.counts[0] - nonfinite_ - static_cast<std::uint64_t>(padded_ - size_));
    set_range();
  }
  set_squares();
}

bool StatisticsRun::is_finite(std::size_t j) const {
  return !is_nonfinite(given_[j]);
}

void StatisticsRun::set_range() {
  bool first = true;
  for (std::int64_t j = 0; j < size_; ++j) {
    if (!is_nonfinite(given_[j])) {
      const auto x = static_cast<double>(given_[j]);
      reference_.min = first ? x : std::min(reference_.min, x);
      reference_.max = first ? x : std::max(reference_.max, x);
      first = false;
    }
  }
}

/// About the FP32 number nearest to the mean, which can stand in the place of what is not there; then about the mean.
void StatisticsRun::set_squares() {
  const std::uint64_t count = static_cast<std::uint64_t>(size_) - nonfinite_;
  if (count == 0) {
    squares_ = 0;
    return;
  }
  const double mean = mean_of(reference_.sum, count);
  const auto center = static_cast<float>(mean);
  const float* from = x_;
  alignas(64) std::array<float, statistics_run> centered;
  if (copied_) {
    centered.fill(center);
    for (std::int64_t j = 0; j < size_; ++j) {
      centered[static_cast<std::size_t>(j)] = is_nonfinite(given_[j]) ? center : given_[j];
    }
    from = centered.data();
  }
  const double offset = mean - static_cast<double>(center);
  const double about_center = kernel_.deviation(from, padded_, static_cast<double>(center));
  squares_ = std::max(0.0, about_center - static_cast<double>(count) * (offset * offset));
}

/// Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances" (1979).
void ReferenceSums::add_squares(std::uint64_t count, double sum, double squares) {
  if (count_ != 0 && count != 0) {
    const auto before = static_cast<double>(count_);
    const auto here = static_cast<double>(count);
    const double apart = mean_of(sum, count) - mean_of(sum_, count_);
    squares += apart * apart * (before * here / (before + here));
  }
  squares_ += squares;
  sum_ += sum;
  count_ += count;
}

void ReferenceSums::add(const StatisticsRun& run) {
  const std::uint64_t count = static_cast<std::uint64_t>(run.size_) - run.nonfinite_;
  nonfinite_ += run.nonfinite_;
  if (count == 0) {
    return;
  }
  min_ = count_ == 0 ? run.reference_.min : std::min(min_, run.reference_.min);
  max_ = count_ == 0 ? run.reference_.max : std::max(max_, run.reference_.max);
  add_squares(count, run.reference_.sum, run.squares_);
  for (std::size_t b = 0; b < counts_.size(); ++b) {
    counts_[b] += run.reference_.counts[b];
  }
}

void ReferenceSums::join(const ReferenceSums& next) {
  nonfinite_ += next.nonfinite_;
  if (next.count_ == 0) {
    return;
  }
  min_ = count_ == 0 ? next.min_ : std::min(min_, next.min_);
  max_ = count_ == 0 ? next.max_ : std::max(max_, next.max_);
  add_squares(next.count_, next.sum_, next.squares_);
  for (std::size_t b = 0; b < counts_.size(); ++b) {
    counts_[b] += next.counts_[b];
  }
}

ReferenceStatistics ReferenceSums::statistics() const {
  ReferenceStatistics s;
  s.count = count_;
  s.nonfinite = nonfinite_;
  s.zeros = counts_[0];
  s.min = min_;
  s.max = max_;
  s.absmax = std::max(std::abs(min_), std::abs(max_));
  s.mean = mean_of(sum_, count_);
  s.std = count_ == 0 ? nan : std::sqrt(mean_of(squares_, count_));
  std::copy(counts_.begin() + 1, counts_.end(), s.exponents.begin());
  return s;
}

void ErrorSums::add(const StatisticsRun& run, std::span<const float> y, std::uint64_t saturated) {
  PRECSIM_CHECK(static_cast<std::int64_t>(y.size()) == run.size_, "run and conversion differ in size");
  if (y.empty()) {
    return;
  }
  saturated_ += saturated;
  ErrorRun errors;
  const auto& counts = run.reference_.counts;
  if (!run.copied_) {
    run.kernel_.errors(run.x_, y.data(), run.padded_, run.reference_, errors);
    if (std::isfinite(errors.noise)) {
      add_sums(errors, counts);
      return;
    }
  }
  alignas(64) std::array<float, statistics_run> left{}, right{};
  for (std::size_t j = 0; j < y.size(); ++j) {
    if (!is_nonfinite(y[j])) {
      left[j] = run.x_[j];
      right[j] = y[j];
    } else if (run.is_finite(j)) {
      ++lost_[run.reference_.bins[j]];
    }
  }
  run.kernel_.errors(left.data(), right.data(), run.padded_, run.reference_, errors);
  add_sums(errors, counts);
}

void ErrorSums::add_sums(const ErrorRun& run, const std::array<std::uint16_t, magnitude_bins>& counts) {
  signal_ += run.signal;
  converted_ += run.converted;
  product_ += run.product;
  noise_ += run.noise;
  error_ += run.error;
  max_abs_ = std::max(max_abs_, run.max_abs);
  max_relative_ = std::max(max_relative_, run.max_relative);
  flushed_ += run.flushed;
  for (std::size_t b = 1; b < relative_.size(); ++b) {
    relative_[b] += counts[b] == 0 ? 0 : run.relative[b];
  }
}

void ErrorSums::join(const ErrorSums& next) {
  signal_ += next.signal_;
  converted_ += next.converted_;
  product_ += next.product_;
  noise_ += next.noise_;
  error_ += next.error_;
  max_abs_ = std::max(max_abs_, next.max_abs_);
  max_relative_ = std::max(max_relative_, next.max_relative_);
  flushed_ += next.flushed_;
  saturated_ += next.saturated_;
  for (std::size_t b = 0; b < relative_.size(); ++b) {
    relative_[b] += next.relative_[b];
    lost_[b] += next.lost_[b];
  }
}

ConversionErrors ErrorSums::errors(const ReferenceSums& reference) const {
  ConversionErrors e;
  e.lost = std::accumulate(lost_.begin(), lost_.end(), std::uint64_t{0});
  const std::uint64_t pairs = reference.count_ - e.lost;
  e.sqnr_db = sqnr_db(signal_, noise_);
  e.mean_squared_error = mean_of(noise_, pairs);
  e.max_abs_error = max_abs_;
  e.max_relative_error = max_relative_;
  e.mean_error = mean_of(error_, pairs);
  const double norms = std::sqrt(signal_ * converted_);  // exact for x = y; FP32 squares stay far from both ends
  e.cosine = norms == 0 ? nan : product_ / norms;
  e.flushed = flushed_;
  e.saturated = saturated_;
  std::array<double, octave_bins> squares{};
  const double absmax = std::max(std::abs(reference.min_), std::abs(reference.max_));
  const int top = exponent_of(static_cast<float>(absmax)) - exponent_of_zero + 1;
  for (int b = top; b > 0; --b) {
    const auto bin = static_cast<std::size_t>(b);
    const auto octave = static_cast<std::size_t>(std::min(top - b, octave_bins - 1));
    e.octave_counts[octave] += reference.counts_[bin] - lost_[bin];
    squares[octave] += relative_[bin];
  }
  for (std::size_t o = 0; o < squares.size(); ++o) {
    e.octave_rms_error[o] = e.octave_counts[o] == 0 ? nan : std::sqrt(mean_of(squares[o], e.octave_counts[o]));
  }
  return e;
}

}  // namespace precsim::formats
