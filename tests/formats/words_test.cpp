// Tests of words.hpp: nearest names, quoting.
#include "formats/words.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace precsim::formats {
namespace {

TEST(Words, EditDistanceCountsSwapsAsOne) {
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("abc", ""), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("lr", "rl"), 1u);
  EXPECT_EQ(edit_distance("Seed", "sEED"), 0u);
}

TEST(Words, NearestNameIsNearOrNothing) {
  const std::vector<std::string_view> candidates = {"fp16", "bf16", "dfp16"};
  EXPECT_EQ(nearest("fp61", candidates), "fp16");
  EXPECT_EQ(nearest("FP16", candidates), "fp16");
  EXPECT_EQ(nearest("dfp61", candidates), "dfp16");
  EXPECT_EQ(nearest("bf16", candidates), "bf16");
  EXPECT_EQ(nearest("posit32", candidates), "");
  EXPECT_EQ(nearest("fp16", {}), "");
}

TEST(Words, QuoteCutsBetweenCharacters) {
  EXPECT_EQ(quote(std::string(59, 'a') + "\xc3\xa9"), "'" + std::string(59, 'a') + "...'");
  EXPECT_EQ(quote("a\x1b"), "'a\\x1b'");
}

}  // namespace
}  // namespace precsim::formats
