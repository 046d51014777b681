// Random bits: published and independently computed vectors, and what a word depends on.
#include "formats/random_bits.hpp"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "formats/format.hpp"
#include "tests/support/known_answers.hpp"

namespace precsim::formats {
namespace {

using support::hex32;

TEST(RandomBits, PublishedVectors) {
  int checked = 0;
  for (const support::KnownAnswer& answer : support::known_answers("philox")) {
    const auto& c = answer.columns;
    if (c[0] != "block") {
      continue;
    }
    ASSERT_EQ(c.size(), 11u) << "line " << answer.line;
    const auto words = philox_block({hex32(c[1]), hex32(c[2]), hex32(c[3]), hex32(c[4])}, {hex32(c[5]), hex32(c[6])});
    EXPECT_EQ(words, (std::array{hex32(c[7]), hex32(c[8]), hex32(c[9]), hex32(c[10])})) << "line " << answer.line;
    ++checked;
  }
  EXPECT_EQ(checked, 3);
}

TEST(RandomBits, WordsOfElements) {
  int checked = 0;
  for (const support::KnownAnswer& answer : support::known_answers("philox")) {
    const auto& c = answer.columns;
    if (c[0] != "word") {
      continue;
    }
    ASSERT_EQ(c.size(), 8u) << "line " << answer.line;
    const RandomBits bits{.seed = support::number<std::uint32_t>(c[1]),
                          .stream = static_cast<Stream>(support::number<std::uint32_t>(c[2])),
                          .step = support::number<std::uint32_t>(c[3]),
                          .tensor = support::number<std::uint32_t>(c[4]),
                          .use = support::number<std::uint32_t>(c[5])};
    EXPECT_EQ(bits.word(support::number<std::uint64_t>(c[6])), hex32(c[7])) << "line " << answer.line;
    ++checked;
  }
  EXPECT_EQ(checked, 60);
}

TEST(RandomBits, FieldsNotGivenAreZero) {
  EXPECT_EQ(RandomBits{}.block(5), philox_block({5, 0, 0, 0}, {0, 0}));
  EXPECT_EQ(RandomBits{}.stream, Stream::rounding);
}

TEST(RandomBits, StreamsHaveTheirPromisedNumbers) {
  EXPECT_EQ(static_cast<int>(Stream::rounding), 0);
  EXPECT_EQ(static_cast<int>(Stream::init), 1);
  EXPECT_EQ(static_cast<int>(Stream::dropout), 2);
  EXPECT_EQ(static_cast<int>(Stream::data_order), 3);
  EXPECT_EQ(static_cast<int>(Stream::augmentation), 4);
  EXPECT_EQ(static_cast<int>(Stream::data_generation), 5);
  EXPECT_EQ(static_cast<int>(Stream::fill), 6);
}

TEST(RandomBits, EveryFieldChangesEveryBlock) {
  const RandomBits base{.seed = 1, .stream = Stream::init, .step = 2, .tensor = 3, .use = 4};
  std::vector<RandomBits> variants(6, base);
  variants[1].seed = 2;
  variants[2].stream = Stream::dropout;
  variants[3].step = 3;
  variants[4].tensor = 4;
  variants[5].use = 5;
  std::set<std::array<std::uint32_t, 4>> blocks;
  for (const RandomBits& bits : variants) {
    for (const std::uint64_t block : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1} << 32}) {
      blocks.insert(bits.block(block));
    }
  }
  EXPECT_EQ(blocks.size(), 18u);
}

TEST(RandomBits, FourElementsShareABlock) {
  const RandomBits bits{.seed = 9, .step = 1};
  for (std::uint64_t i = 0; i < 64; ++i) {
    EXPECT_EQ(bits.word(i), bits.block(i / 4)[i % 4]);
  }
}

TEST(RandomBits, BitsAreBalanced) {
  const RandomBits bits{.seed = 3};
  constexpr int count = 4096;
  std::array<int, 32> ones{};
  for (std::uint64_t i = 0; i < count; ++i) {
    for (int bit = 0; bit < 32; ++bit) {
      ones[static_cast<std::size_t>(bit)] += static_cast<int>(bits.word(i) >> bit & 1);
    }
  }
  for (const int n : ones) {
    EXPECT_NEAR(n, count / 2, 5 * 32);  // five standard deviations
  }
}

TEST(WordReader, ReadsTheElementsWordInAnyOrder) {
  const RandomBits bits{.seed = 5, .tensor = 6};
  WordReader reader(bits, {RoundingMode::stochastic});
  for (const std::uint64_t i : {0u, 1u, 2u, 3u, 4u, 9u, 8u, 0u, 100u, 103u, 3u}) {
    EXPECT_EQ(reader(i), bits.word(i)) << i;
  }
  constexpr std::uint64_t far = (std::uint64_t{1} << 34) + 1;
  EXPECT_EQ(reader(far), bits.word(far));
  EXPECT_EQ(reader(1), bits.word(1));
}

TEST(WordReader, DrawsNothingForOtherRoundings) {
  const RandomBits bits{.seed = 5};
  WordReader reader(bits, {RoundingMode::nearest_even});
  EXPECT_EQ(reader(0), 0u);
  EXPECT_NE(bits.word(0), 0u);
}

TEST(TensorId, IsFnv1aOf32Bits) {
  EXPECT_EQ(tensor_id(""), 0x811c9dc5u);
  EXPECT_EQ(tensor_id("a"), 0xe40c292cu);
  EXPECT_EQ(tensor_id("foobar"), 0xbf9cf968u);
  EXPECT_EQ(tensor_id("\xff"), (0x811c9dc5u ^ 0xffu) * 0x01000193u);
  EXPECT_NE(tensor_id("conv1/weights"), tensor_id("conv2/weights"));
}

}  // namespace
}  // namespace precsim::formats
