// Tests of the times of training steps by kind of work.
#include "sim/nn/step_profile.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace precsim::nn {
namespace {

constexpr std::chrono::milliseconds nap{4};
constexpr double at_least = 0.004;

double whole(const StepProfile& profile) {
  double sum = 0;
  for (const WorkEntry& entry : work_table) {
    sum += profile.seconds(entry.work);
  }
  return sum;
}

TEST(StepProfile, TimeBelongsToTheInnermostKind) {
  StepProfile profile;
  const auto start = std::chrono::steady_clock::now();
  profile.start();
  {
    const Timed outer(&profile, Work::batch_norm);
    {
      const Timed inner(&profile, Work::quantize);
      std::this_thread::sleep_for(nap);
    }
    std::this_thread::sleep_for(nap);
  }
  std::this_thread::sleep_for(nap);
  profile.stop();
  const double all = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  for (const Work work : {Work::quantize, Work::batch_norm, Work::other}) {
    EXPECT_GE(profile.seconds(work), at_least);
  }
  EXPECT_GE(whole(profile), 3 * at_least);
  EXPECT_LE(whole(profile), all + 1e-9);
}

TEST(StepProfile, CountsNothingWhileItDoesNotRun) {
  StepProfile profile;
  {
    const Timed timed(&profile, Work::data);
    std::this_thread::sleep_for(nap);
  }
  profile.add_product(kernels::Pass::forward, true, 100, 1);
  const Timed without(nullptr, Work::data);
  EXPECT_EQ(whole(profile), 0);
  EXPECT_EQ(profile.macs(kernels::Pass::forward).integer, 0);
  double running = 0;
  for (int span = 0; span < 2; ++span) {
    const auto before = std::chrono::steady_clock::now();
    profile.start();
    profile.stop();
    running += std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count();
    std::this_thread::sleep_for(nap);
  }
  EXPECT_LE(whole(profile), running + 1e-9);
}

TEST(StepProfile, ProofsAreTakenFromTheirProducts) {
  StepProfile profile;
  profile.start();
  {
    const Timed timed(&profile, Work::weight_gradient);
    std::this_thread::sleep_for(nap);
  }
  profile.add_product(kernels::Pass::weight_gradient, true, 100, at_least / 2);
  profile.add_product(kernels::Pass::weight_gradient, false, 30, 0);
  profile.stop();
  EXPECT_EQ(profile.seconds(Work::proof), at_least / 2);
  EXPECT_GE(profile.seconds(Work::weight_gradient), at_least / 2);
  EXPECT_EQ(profile.macs(kernels::Pass::weight_gradient).integer, 100);
  EXPECT_EQ(profile.macs(kernels::Pass::weight_gradient).floating, 30);
  EXPECT_EQ(profile.macs(kernels::Pass::forward).integer, 0);
}

TEST(StepProfile, OtherThreadsOfAParallelRegionAreNotTimed) {
  StepProfile profile;
  profile.start();
#pragma omp parallel num_threads(2)
  {
    const bool first = omp_get_thread_num() == 0;
    const Timed timed(&profile, first ? Work::elementwise : Work::data);
    std::this_thread::sleep_for(nap);
  }
  profile.stop();
  EXPECT_GE(profile.seconds(Work::elementwise), at_least);
  EXPECT_EQ(profile.seconds(Work::data), 0);
}

}  // namespace
}  // namespace precsim::nn
