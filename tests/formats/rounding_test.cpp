// Rounding: known answers, the oracle on every small case, exact unbiasedness, sticky bits, names.
#include "formats/rounding.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>

#include "formats/error.hpp"
#include "tests/oracle/exact_oracle.hpp"
#include "tests/support/known_answers.hpp"
#include "tests/support/oracle_bridge.hpp"
#include "tests/support/sample.hpp"

namespace precsim::formats {
namespace {

using support::every_rounding;
using support::Sample;

/// The order of the golden file's columns.
const std::vector<std::string> golden_modes = {
    "nearest_even", "nearest_away", "toward_zero",        "toward_positive",   "toward_negative",  "to_odd",
    "biased",       "stochastic",   "stochastic:bits=16", "stochastic:bits=8", "stochastic:bits=1"};

std::uint64_t by_oracle(std::uint64_t magnitude, int drop, bool negative, Rounding rounding, std::uint32_t word) {
  const std::uint64_t low = drop > 63 ? 0 : magnitude >> drop;
  const std::uint64_t rest = magnitude - (drop > 63 ? 0 : low << drop);
  const oracle::Place place{low, {rest, -drop}, 0};
  return oracle::decide(place, negative, support::oracle_mode(rounding.mode), rounding.bits, word);
}

TEST(Rounding, KnownAnswers) {
  std::size_t checked = 0;
  for (const support::KnownAnswer& answer : support::known_answers("rounding")) {
    ASSERT_EQ(answer.columns.size(), 4 + golden_modes.size()) << "line " << answer.line;
    const auto magnitude = support::number<std::uint64_t>(answer.columns[0], 16);
    const int drop = support::number<int>(answer.columns[1]);
    const bool negative = answer.columns[2] == "-";
    const std::uint32_t word = support::hex32(answer.columns[3]);
    for (std::size_t m = 0; m < golden_modes.size(); ++m) {
      const auto expected = support::number<std::uint64_t>(answer.columns[4 + m], 16);
      EXPECT_EQ(discard_bits(magnitude, drop, negative, parse_rounding(golden_modes[m]), word), expected)
          << "line " << answer.line << ", " << golden_modes[m];
      ++checked;
    }
  }
  EXPECT_GE(checked, 5000u);
}

TEST(Rounding, EverySmallCaseAgreesWithTheOracle) {
  std::size_t checked = 0;
  Sample sample(1);
  for (const Rounding rounding : every_rounding()) {
    for (std::uint64_t magnitude = 0; magnitude < 128; ++magnitude) {
      for (int drop = 0; drop < 10; ++drop) {
        for (const bool negative : {false, true}) {
          const std::uint32_t word = sample.word();
          ASSERT_EQ(discard_bits(magnitude, drop, negative, rounding, word),
                    by_oracle(magnitude, drop, negative, rounding, word))
              << name(rounding) << ' ' << magnitude << " >> " << drop << ", word " << word;
          ++checked;
        }
      }
    }
  }
  EXPECT_EQ(checked, every_rounding().size() * 128 * 10 * 2);
}

TEST(Rounding, LongMagnitudesAndShiftsBeyond63AgreeWithTheOracle) {
  Sample sample(2);
  for (const Rounding rounding : every_rounding()) {
    for (int drop = 0; drop < 200; ++drop) {
      for (int i = 0; i < 40; ++i) {
        const std::uint64_t magnitude = sample.next() >> sample.below(64);
        const std::uint32_t word = i % 4 == 0 ? 0 : sample.word() >> sample.below(32);
        ASSERT_EQ(discard_bits(magnitude, drop, i % 2 == 0, rounding, word),
                  by_oracle(magnitude, drop, i % 2 == 0, rounding, word))
            << name(rounding) << ' ' << magnitude << " >> " << drop << ", word " << word;
      }
    }
  }
}

TEST(Rounding, ResultIsOneOfTheTwoNeighborsAndExactStaysExact) {
  Sample sample(3);
  for (const Rounding rounding : every_rounding()) {
    for (int i = 0; i < 2000; ++i) {
      const int drop = static_cast<int>(sample.below(64));
      const std::uint64_t magnitude = sample.next() >> sample.below(64);
      const std::uint64_t low = magnitude >> drop;
      const std::uint64_t result = discard_bits(magnitude, drop, i % 2 == 0, rounding, sample.word());
      ASSERT_TRUE(result == low || (result == low + 1 && low << drop != magnitude)) << name(rounding);
    }
  }
}

TEST(Rounding, StochasticResultsSumToTheInputOverAllDraws) {
  for (int bits = 1; bits <= (support::slow_build ? 7 : 10); ++bits) {
    const Rounding rounding{RoundingMode::stochastic, static_cast<std::uint8_t>(bits)};
    const std::uint64_t draws = std::uint64_t{1} << bits;
    for (int drop = 0; drop <= bits; ++drop) {
      for (std::uint64_t magnitude = 0; magnitude < 2 * draws; ++magnitude) {
        std::uint64_t sum = 0;
        for (std::uint64_t draw = 0; draw < draws; ++draw) {
          const std::uint32_t unused_bits = draw % 2 == 0 ? 0 : (1u << (32 - bits)) - 1;
          const std::uint32_t word = static_cast<std::uint32_t>(draw << (32 - bits)) | unused_bits;
          sum += discard_bits(magnitude, drop, false, rounding, word) << drop;
        }
        ASSERT_EQ(sum, magnitude * draws) << "bits " << bits << ", drop " << drop;
      }
    }
  }
}

TEST(Rounding, StochasticBeyondItsBitsSeesTheFlooredFraction) {
  const Rounding rounding{RoundingMode::stochastic, 4};
  for (std::uint64_t magnitude = 0; magnitude < 1024; ++magnitude) {
    std::uint64_t ups = 0;
    for (std::uint32_t draw = 0; draw < 16; ++draw) {
      ups += discard_bits(magnitude, 9, false, rounding, draw << 28) - (magnitude >> 9);
    }
    ASSERT_EQ(ups, (magnitude & 511) >> 5);
  }
}

TEST(Rounding, OnlyStochasticLooksAtTheWord) {
  Sample sample(4);
  for (const RoundingEntry& row : roundings()) {
    bool moved = false;
    for (int i = 0; i < 500; ++i) {
      const std::uint64_t magnitude = sample.next();
      const int drop = 1 + static_cast<int>(sample.below(63));
      moved = moved || discard_bits(magnitude, drop, false, {row.mode}, 0) !=
                           discard_bits(magnitude, drop, false, {row.mode}, 0xffffffffu);
    }
    EXPECT_EQ(moved, row.mode == RoundingMode::stochastic) << row.name;
  }
}

TEST(Rounding, StickyLowestBitStandsForAllBelow) {
  Sample sample(5);
  for (const Rounding rounding : every_rounding()) {
    for (int i = 0; i < 4000; ++i) {
      const std::uint64_t magnitude = sample.next() >> sample.below(40);
      const int jammed = static_cast<int>(sample.below(20));
      const int drop = (rounding.is_stochastic() ? rounding.bits + 2 : 3) + static_cast<int>(sample.below(20));
      const std::uint32_t word = sample.word() >> sample.below(32);
      ASSERT_EQ(discard_bits(shift_right_sticky(magnitude, jammed), drop, i % 2 == 0, rounding, word),
                discard_bits(magnitude, drop + jammed, i % 2 == 0, rounding, word))
          << name(rounding) << ' ' << magnitude << " by " << jammed << " then " << drop;
    }
  }
}

TEST(Rounding, ShiftRightStickyKeepsAnyLostOne) {
  EXPECT_EQ(shift_right_sticky(0, 0), 0u);
  EXPECT_EQ(shift_right_sticky(0, 1000), 0u);
  EXPECT_EQ(shift_right_sticky(5, 0), 5u);
  EXPECT_EQ(shift_right_sticky(4, 2), 1u);
  EXPECT_EQ(shift_right_sticky(8, 2), 2u);
  EXPECT_EQ(shift_right_sticky(9, 2), 3u);
  EXPECT_EQ(shift_right_sticky(std::uint64_t{1} << 63, 63), 1u);
  EXPECT_EQ(shift_right_sticky(1, 63), 1u);
  EXPECT_EQ(shift_right_sticky(1, 64), 1u);
  EXPECT_EQ(shift_right_sticky(~std::uint64_t{0}, 65), 1u);
  EXPECT_EQ(shift_right_sticky(1, 1000), 1u);
}

TEST(Rounding, TableListsEveryModeInOrder) {
  const std::set<std::string> expected = {"nearest_even",    "nearest_away", "toward_zero", "toward_positive",
                                          "toward_negative", "to_odd",       "stochastic",  "biased"};
  std::set<std::string> listed;
  std::size_t position = 0;
  for (const RoundingEntry& row : roundings()) {
    EXPECT_EQ(static_cast<std::size_t>(row.mode), position++);
    EXPECT_FALSE(row.rule.empty());
    listed.emplace(row.name);
  }
  EXPECT_EQ(listed, expected);
}

TEST(Rounding, NamesReadBack) {
  std::vector<Rounding> all = every_rounding();
  for (int bits = 1; bits <= 32; ++bits) {
    all.push_back({RoundingMode::stochastic, static_cast<std::uint8_t>(bits)});
  }
  ASSERT_GT(all.size(), 40u);
  for (const Rounding rounding : all) {
    EXPECT_EQ(parse_rounding(name(rounding)), rounding) << name(rounding);
  }
  EXPECT_EQ(name(parse_rounding("stochastic:bits=32")), "stochastic");
  EXPECT_EQ(name(Rounding{}), "nearest_even");
}

TEST(Rounding, BadNamesAreErrorsThatNameTheValidOnes) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"nearest", "nearest_even"},          {"stochastik", "stochastic"},
      {"Nearest_even", "nearest_even"},     {"nearest_even:bits=8", "none"},
      {"stochastic:bits=0", "1 to 32"},     {"stochastic:bits=33", "1 to 32"},
      {"stochastic:bits=-1", "1 to 32"},    {"stochastic:bits=8x", "1 to 32"},
      {"stochastic:bits", "1 to 32"},       {"stochastic:bits=99999999999999999999", "1 to 32"},
      {"stochastic:bit=8", "bits=1..32"},   {"stochastic:bits=8,bits=8", "twice"},
      {"stochastic:", "NAME[:option"},      {"stochastic bits=8", "NAME[:option"},
      {"stochastic:bits=", "NAME[:option"}, {":bits=8", "NAME[:option"}};
  for (const auto& [text, valid] : cases) {
    try {
      parse_rounding(text);
      ADD_FAILURE() << text << " was taken";
    } catch (const UserError& error) {
      EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find(valid), std::string::npos) << error.what();
    }
  }
  EXPECT_THROW(parse_rounding(""), UserError);
}

TEST(Rounding, AnUnknownNameIsAnsweredWithTheWholeTable) {
  try {
    parse_rounding("nearest_evn");
    ADD_FAILURE();
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(),
                 "unknown rounding 'nearest_evn' (the nearest is 'nearest_even'); valid: nearest_even, nearest_away, "
                 "toward_zero, toward_positive, toward_negative, to_odd, stochastic, biased");
  }
}

}  // namespace
}  // namespace precsim::formats
