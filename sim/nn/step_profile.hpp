// Where the time of training steps goes.
#pragma once

#include <omp.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "sim/kernels/conv_shape.hpp"

namespace precsim::nn {

/// Kinds of work of a training step; every moment belongs to exactly one. The first three are the passes.
enum class Work : std::uint8_t {
  forward,
  input_gradient,
  weight_gradient,
  proof,
  batch_norm,
  elementwise,
  quantize,
  optimizer,
  data,
  other
};

struct WorkEntry {
  Work work;
  std::string_view name, meaning;
};
inline constexpr WorkEntry work_table[] = {
    {Work::forward, "forward", "products of convolution and linear layers, forward"},
    {Work::input_gradient, "input_gradient", "the same, gradients of inputs"},
    {Work::weight_gradient, "weight_gradient", "the same, gradients of weights"},
    {Work::proof, "proof", "showing that no chain of a product overflows, and choosing its length"},
    {Work::batch_norm, "batch_norm", "batch normalization, both ways"},
    {Work::elementwise, "elementwise", "other layers without products: activation, pooling, sums"},
    {Work::quantize, "quantize",
     "conversion of tensors to the formats of their roles, and what is computed on the way"},
    {Work::optimizer, "optimizer", "the update of the parameters"},
    {Work::data, "data", "waiting for images"},
    {Work::other, "other", "everything else: loss, bias gradients, memory"},
};
inline constexpr std::size_t works = std::size(work_table);

constexpr bool in_order() {
  for (std::size_t i = 0; i < works; ++i) {
    if (work_table[i].work != static_cast<Work>(i)) {
      return false;
    }
  }
  return works == static_cast<std::size_t>(Work::other) + 1;
}
static_assert(in_order());

constexpr Work work_of(kernels::Pass pass) {
  return static_cast<Work>(pass);
}
static_assert(work_of(kernels::Pass::forward) == Work::forward &&
              work_of(kernels::Pass::input_gradient) == Work::input_gradient &&
              work_of(kernels::Pass::weight_gradient) == Work::weight_gradient);

/// Wall-clock time by kind of work, and multiply-accumulates by pass, between start() and stop() and added up over any
/// number of such spans. Elsewhere nothing is counted. Of one training thread; a parallel region counts as its first
/// thread spends it.
class StepProfile {
 public:
  struct Macs {
    double integer = 0, floating = 0;
  };

  void start() {
    running_ = true;
    current_ = Work::other;
    since_ = Clock::now();
  }
  void stop() {
    enter(Work::other);
    running_ = false;
  }
  bool running() const { return running_; }

  /// What follows is `work`; returns what was before.
  Work enter(Work work) {
    const Clock::time_point now = Clock::now();
    seconds_[index(current_)] += std::chrono::duration<double>(now - since_).count();
    since_ = now;
    return std::exchange(current_, work);
  }

  /// Of one product of pass `pass`: its size, and how long its proof took, which was counted as the product's.
  void add_product(kernels::Pass pass, bool integer, std::int64_t macs, double proof_seconds) {
    if (running_) {
      Macs& of_pass = macs_[static_cast<std::size_t>(pass)];
      (integer ? of_pass.integer : of_pass.floating) += static_cast<double>(macs);
      seconds_[index(work_of(pass))] -= proof_seconds;
      seconds_[index(Work::proof)] += proof_seconds;
    }
  }

  double seconds(Work work) const { return seconds_[index(work)]; }
  const Macs& macs(kernels::Pass pass) const { return macs_[static_cast<std::size_t>(pass)]; }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t index(Work work) { return static_cast<std::size_t>(work); }

  std::array<double, works> seconds_{};
  std::array<Macs, 3> macs_{};
  bool running_ = false;
  Work current_ = Work::other;
  Clock::time_point since_;
};

/// For its lifetime, time counts as `work` instead of what was before: of nested ones, as that of the innermost. Costs
/// two clock readings; nothing without a profile, or in another than the first thread of a parallel region.
class Timed {
 public:
  Timed(StepProfile* profile, Work work)
      : profile_(profile != nullptr && profile->running() && omp_get_thread_num() == 0 ? profile : nullptr) {
    if (profile_ != nullptr) {
      before_ = profile_->enter(work);
    }
  }
  ~Timed() {
    if (profile_ != nullptr) {
      profile_->enter(before_);
    }
  }
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;

 private:
  StepProfile* profile_;
  Work before_ = Work::other;
};

}  // namespace precsim::nn
