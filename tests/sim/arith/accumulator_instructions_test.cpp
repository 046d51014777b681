// The table of multiply-accumulates (numerics 3) against the instructions it names, where this CPU has them.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

#include "sim/arith/accumulator.hpp"
#include "tests/oracle/integer_oracle.hpp"
#include "tests/support/hardware_mac.hpp"
#include "tests/support/sample.hpp"

namespace precsim::arith {
namespace {

constexpr std::size_t lanes = support::mac_lanes;
using Codes = support::MacCodes;
using Lanes = support::MacLanes;

/// One way to take a pair step on sixteen lanes.
struct Stepper {
  std::string name;
  OverflowRule rule;
  bool present;
  void (*step)(Lanes&, const Codes&, const Codes&);
};

template <OverflowRule rule>
void model_step(Lanes& lane, const Codes& a, const Codes& b) {
  for (std::size_t j = 0; j < lanes; ++j) {
    const std::int64_t products = std::int64_t{a[2 * j]} * b[2 * j] + std::int64_t{a[2 * j + 1]} * b[2 * j + 1];
    lane[j] = apply(rule, lane[j] + products);
  }
}

std::vector<Stepper> steppers() {
  std::vector<Stepper> all{
      {"portable model, wrap", OverflowRule::wrap, true, model_step<OverflowRule::wrap>},
      {"portable model, saturate", OverflowRule::saturate, true, model_step<OverflowRule::saturate>}};
  for (const support::HardwareMac& mac : support::hardware_macs) {
    all.push_back({std::string(mac.name), mac.rule, mac.obstacle().empty(), mac.step});
  }
  return all;
}

enum class Fill { random, extremes, corners, small };

Codes draw(Fill fill, support::Sample& sample) {
  constexpr std::array<std::int16_t, 7> extremes{-32768, -32767, -1, 0, 1, 32766, 32767};
  Codes codes{};
  for (std::int16_t& code : codes) {
    switch (fill) {
      case Fill::random:
        code = static_cast<std::int16_t>(sample.word());
        break;
      case Fill::extremes:
        code = extremes[sample.below(extremes.size())];
        break;
      case Fill::corners:
        code = sample.below(2) == 0 ? std::int16_t{-32768} : std::int16_t{32767};
        break;
      case Fill::small:
        code = static_cast<std::int16_t>(static_cast<std::int16_t>(sample.word()) >> 6);
        break;
    }
  }
  return codes;
}

TEST(AccumulatorInstructions, EveryInstructionOfThisCpuTakesTheStepOfTheTable) {
  constexpr int chain = 48;
  std::vector<std::string> exercised;
  std::vector<std::string> absent;
  for (const Stepper& stepper : steppers()) {
    if (!stepper.present) {
      absent.push_back(stepper.name);
      continue;
    }
    support::Sample sample(7);
    std::uint64_t events = 0;
    for (const Fill fill : {Fill::random, Fill::extremes, Fill::corners, Fill::small}) {
      for (int run = 0; run < support::sample_size(2000); ++run) {
        Lanes lane{};
        std::array<std::vector<std::int64_t>, lanes> products;
        for (int step = 0; step < chain; ++step) {
          const Codes a = draw(fill, sample);
          const Codes b = draw(fill, sample);
          stepper.step(lane, a, b);
          for (std::size_t j = 0; j < lanes; ++j) {
            products[j].push_back(std::int64_t{a[2 * j]} * b[2 * j]);
            products[j].push_back(std::int64_t{a[2 * j + 1]} * b[2 * j + 1]);
          }
        }
        for (std::size_t j = 0; j < lanes; ++j) {
          const oracle::Lane expected = oracle::run_lane(products[j], 2, stepper.rule == OverflowRule::saturate);
          ASSERT_EQ(lane[j], expected.value) << stepper.name << ", lane " << j;
          events += expected.events;
        }
      }
    }
    EXPECT_GT(events, 1000u) << stepper.name;
    exercised.push_back(stepper.name);
  }
  std::cout << "exercised (" << exercised.size() << "):\n";
  for (const std::string& name : exercised) {
    std::cout << "  " << name << '\n';
  }
  std::cout << "not on this CPU (" << absent.size() << "):\n";
  for (const std::string& name : absent) {
    std::cout << "  " << name << '\n';
  }
  ASSERT_GE(exercised.size(), 2u);
  EXPECT_EQ(exercised[0], "portable model, wrap");
  EXPECT_EQ(exercised[1], "portable model, saturate");
}

TEST(AccumulatorInstructions, EveryFourCornerPairFromEveryEdgeOfTheLane) {
  constexpr std::array<std::int16_t, 4> corners{-32768, -32767, 32766, 32767};
  constexpr std::array<std::int32_t, 6> starts{INT32_MIN, INT32_MIN + 1, -1, 0, INT32_MAX - 1, INT32_MAX};
  std::size_t checked = 0;
  std::size_t rows = 0;
  for (const Stepper& stepper : steppers()) {
    if (!stepper.present) {
      continue;
    }
    ++rows;
    for (int pattern = 0; pattern < 256; ++pattern) {
      for (const std::int32_t start : starts) {
        Codes a{};
        Codes b{};
        Lanes lane;
        lane.fill(start);
        for (std::size_t j = 0; j < lanes; ++j) {
          a[2 * j] = corners[static_cast<std::size_t>(pattern & 3)];
          b[2 * j] = corners[static_cast<std::size_t>(pattern >> 2 & 3)];
          a[2 * j + 1] = corners[static_cast<std::size_t>(pattern >> 4 & 3)];
          b[2 * j + 1] = corners[static_cast<std::size_t>(pattern >> 6 & 3)];
        }
        stepper.step(lane, a, b);
        const std::int64_t sum = start + std::int64_t{a[0]} * b[0] + std::int64_t{a[1]} * b[1];
        for (const std::int32_t value : lane) {
          ASSERT_EQ(value, apply(stepper.rule, sum)) << stepper.name << ' ' << start << ' ' << pattern;
          ++checked;
        }
      }
    }
  }
  EXPECT_GE(rows, 2u);
  EXPECT_EQ(checked, rows * 256 * starts.size() * lanes);
}

TEST(AccumulatorInstructions, Pair4IsFourPairStepsInOrder) {
  support::Sample sample(9);
  EXPECT_EQ(products_per_step(Atom::pair4), 2);
  EXPECT_EQ(chain_multiple(Atom::pair4), 8);
  std::uint64_t differ_from_one_rounding = 0;
  for (int i = 0; i < support::sample_size(40000); ++i) {
    const Codes a = draw(i % 2 == 0 ? Fill::corners : Fill::random, sample);
    const Codes b = draw(i % 2 == 0 ? Fill::corners : Fill::random, sample);
    for (const bool saturate : {false, true}) {
      const OverflowRule rule = saturate ? OverflowRule::saturate : OverflowRule::wrap;
      std::int32_t lane = 0;
      std::int64_t total = 0;
      for (std::size_t k = 0; k < 8; k += 2) {
        const std::int64_t products = std::int64_t{a[k]} * b[k] + std::int64_t{a[k + 1]} * b[k + 1];
        lane = apply(rule, lane + products);
        total += products;
      }
      oracle::FourRegisters registers{};
      std::array<std::int16_t, 8> memory{};
      for (std::size_t k = 0; k < 8; ++k) {
        registers.words[k / 2][k % 2] = a[k];
        memory[k] = b[k];
      }
      ASSERT_EQ(lane, oracle::vp4dpwssd({}, registers, memory, saturate)[0]);
      differ_from_one_rounding += saturate && lane != apply(rule, total) ? 1 : 0;
    }
  }
  EXPECT_GT(differ_from_one_rounding, 0u);
}

}  // namespace
}  // namespace precsim::arith
