// glyphs and the table of datasets: pinned bits, independence of size, balance, normalization, refused options.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <numeric>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "formats/error.hpp"
#include "sim/data/dataset.hpp"
#include "sim/data/image_set.hpp"

namespace precsim::data {
namespace {

struct Contents {
  std::vector<float> images;
  std::vector<std::int32_t> labels;
  bool operator==(const Contents&) const = default;
};

Contents read_first(const Dataset& set, std::int64_t count) {
  std::vector<std::int64_t> indices(static_cast<std::size_t>(count));
  std::iota(indices.begin(), indices.end(), 0);
  Contents contents;
  contents.images.resize(static_cast<std::size_t>(count * set.shape().pixels()));
  contents.labels.resize(static_cast<std::size_t>(count));
  set.read(indices, 0, contents.images, contents.labels);
  return contents;
}

DatasetOptions with_name(const std::string& name, const std::string& path = "") {
  return {name, path, 0, 0, 1};
}

DatasetOptions with_sizes(std::int64_t train_size, std::int64_t test_size, std::uint32_t seed = 1) {
  return {"glyphs", "", train_size, test_size, seed};
}

Splits glyphs(std::int64_t train_size, std::int64_t test_size, std::uint32_t seed = 1) {
  return open_dataset(with_sizes(train_size, test_size, seed));
}

/// Whether the sentence holds every part; if not, the failure shows both.
::testing::AssertionResult mentions(const std::string& sentence, std::initializer_list<std::string> parts) {
  for (const std::string& part : parts) {
    if (sentence.find(part) == std::string::npos) {
      return ::testing::AssertionFailure() << "'" << sentence << "' lacks '" << part << "'";
    }
  }
  return ::testing::AssertionSuccess();
}

std::string sentence_of(const DatasetOptions& options) {
  try {
    open_dataset(options);
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Glyphs, BitsArePinned) {
  const Splits one = glyphs(200, 100);
  EXPECT_EQ(one.train->checksum(), "a261b143abb8f50a");
  EXPECT_EQ(one.test->checksum(), "539b035b8e4fd48d");
  const Splits two = glyphs(200, 100, 2);
  EXPECT_EQ(two.train->checksum(), "dd0d412ebdceb866");
  EXPECT_EQ(two.test->checksum(), "325606e470630b81");
}

TEST(Glyphs, ShapeAndDefaultSizesAreAsDeclared) {
  const Splits splits = glyphs(0, 0);
  EXPECT_EQ(splits.train->size(), 4000);
  EXPECT_EQ(splits.test->size(), 2000);
  for (const auto& set : {splits.train, splits.test}) {
    EXPECT_EQ(set->classes(), 10);
    EXPECT_EQ(set->shape().height, 28);
    EXPECT_EQ(set->shape().width, 28);
    EXPECT_EQ(set->shape().channels, 1);
  }
}

TEST(Glyphs, AnImageDoesNotDependOnTheSizeOfItsSet) {
  const Contents reference = read_first(*glyphs(120, 1).train, 37);
  for (const std::int64_t size : {37, 38, 77}) {
    EXPECT_EQ(read_first(*glyphs(size, 1).train, 37), reference) << size;
  }
}

TEST(Glyphs, AnImageDoesNotDependOnTheIndicesItIsReadWith) {
  const Splits splits = glyphs(50, 1);
  const Contents all = read_first(*splits.train, 50);
  const std::array<std::int64_t, 3> indices = {41, 7, 41};
  std::vector<float> images(std::size_t{3} * 784);
  std::vector<std::int32_t> labels(3);
  splits.train->read(indices, 5, images, labels);
  for (std::size_t i = 0; i < indices.size(); ++i) {
    const auto index = static_cast<std::size_t>(indices[i]);
    EXPECT_EQ(labels[i], all.labels[index]);
    EXPECT_TRUE(std::equal(&images[i * 784], &images[i * 784] + 784, &all.images[index * 784]));
  }
}

TEST(Glyphs, GenerationInParallelGivesTheSameBits) {
  std::array<std::string, 3> checksums;
  {
    std::vector<std::jthread> threads;
    threads.reserve(checksums.size());
    for (std::string& checksum : checksums) {
      threads.emplace_back([&checksum] { checksum = glyphs(60, 1).train->checksum(); });
    }
  }
  EXPECT_EQ(checksums, (std::array<std::string, 3>{checksums[0], checksums[0], glyphs(60, 1).train->checksum()}));
}

TEST(Glyphs, EveryTenImagesShowEveryClassOnceInVaryingOrder) {
  const Contents contents = read_first(*glyphs(1005, 1).train, 1005);
  std::set<std::vector<std::int32_t>> orders;
  for (std::size_t first = 0; first + 10 <= contents.labels.size(); first += 10) {
    std::vector<std::int32_t> ten(&contents.labels[first], &contents.labels[first] + 10);
    orders.insert(ten);
    std::sort(ten.begin(), ten.end());
    ASSERT_EQ(ten, (std::vector<std::int32_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9})) << first;
  }
  EXPECT_GE(orders.size(), 99u);
}

TEST(Glyphs, NoTwoImagesOfASplitPairOrSeedPairAreEqual) {
  std::set<std::vector<float>> distinct;
  for (const std::uint32_t seed : {1u, 2u, 0xffffffffu}) {
    const Splits splits = glyphs(300, 300, seed);
    for (const auto& set : {splits.train, splits.test}) {
      const Contents contents = read_first(*set, 300);
      for (std::size_t i = 0; i < 300; ++i) {
        distinct.emplace(&contents.images[i * 784], &contents.images[i * 784] + 784);
      }
    }
  }
  EXPECT_EQ(distinct.size(), 1800u);
}

TEST(Glyphs, PixelsAreNormalizedCodesWithTheDeclaredMean) {
  const Contents contents = read_first(*glyphs(2000, 1).train, 2000);
  ASSERT_EQ(contents.images.size(), 2000u * 784u);
  std::set<float> codes;
  for (int code = 0; code < 256; ++code) {
    codes.insert((static_cast<float>(code) / 255.0f - 0.1412f) / 0.5f);
  }
  double sum = 0.0;
  for (const float value : contents.images) {
    ASSERT_TRUE(codes.contains(value)) << value;
    sum += static_cast<double>(value);
  }
  EXPECT_NEAR(sum / static_cast<double>(contents.images.size()), 0.0, 0.01);
}

TEST(Glyphs, EveryGlyphLeavesInkWithinTheCanvas) {
  const Contents contents = read_first(*glyphs(1000, 1).train, 1000);
  for (std::size_t i = 0; i < 1000; ++i) {
    const float* image = &contents.images[i * 784];
    const auto bright = std::count_if(image, image + 784, [](float value) { return value > (0.45f - 0.1412f) / 0.5f; });
    EXPECT_GE(bright, 12) << "image " << i << ", class " << contents.labels[i];
    EXPECT_LE(bright, 400) << "image " << i << ", class " << contents.labels[i];
  }
}

TEST(ImageSet, ReadsEveryChannelWithItsOwnScale) {
  const std::array<ChannelScale, 2> scales = {{{0.0f, 1.0f}, {0.5f, 0.25f}}};
  const ImageSet set({1, 2, 2}, 3, {0, 0, 255, 255, 51, 51, 102, 204}, {2, 0}, scales);
  const Contents contents = read_first(set, 2);
  EXPECT_EQ(contents.labels, (std::vector<std::int32_t>{2, 0}));
  EXPECT_EQ(contents.images,
            (std::vector<float>{0.0f, -2.0f, 1.0f, 2.0f, 0.2f, (0.2f - 0.5f) / 0.25f, 0.4f, (0.8f - 0.5f) / 0.25f}));
}

TEST(ImageSet, ChecksumSeesShapeLabelsAndPixels) {
  const std::array<ChannelScale, 1> scales = {};
  std::set<std::string> checksums;
  checksums.insert(ImageSet({1, 2, 1}, 3, {1, 2, 3, 4}, {0, 1}, scales).checksum());
  checksums.insert(ImageSet({2, 1, 1}, 3, {1, 2, 3, 4}, {0, 1}, scales).checksum());
  checksums.insert(ImageSet({1, 2, 1}, 4, {1, 2, 3, 4}, {0, 1}, scales).checksum());
  checksums.insert(ImageSet({1, 2, 1}, 3, {1, 2, 3, 4}, {1, 0}, scales).checksum());
  checksums.insert(ImageSet({1, 2, 1}, 3, {1, 2, 3, 5}, {0, 1}, scales).checksum());
  checksums.insert(ImageSet({1, 4, 1}, 3, {1, 2, 3, 4}, {0}, scales).checksum());
  EXPECT_EQ(checksums.size(), 6u);
}

TEST(ImageSet, RefusesBadIndicesAndSpansAsInternalErrors) {
  const std::array<ChannelScale, 1> scales = {};
  const ImageSet set({1, 1, 1}, 2, {7, 8}, {0, 1}, scales);
  std::vector<float> images(1);
  std::vector<std::int32_t> labels(1);
  EXPECT_THROW(set.read(std::array<std::int64_t, 1>{2}, 0, images, labels), CheckError);
  EXPECT_THROW(set.read(std::array<std::int64_t, 1>{-1}, 0, images, labels), CheckError);
  EXPECT_THROW(set.read(std::array<std::int64_t, 2>{0, 1}, 0, images, labels), CheckError);
  EXPECT_THROW(ImageSet({1, 1, 1}, 2, {7, 8, 9}, {0, 1}, scales), CheckError);
  EXPECT_THROW(ImageSet({1, 1, 1}, 2, {7, 8}, {0, 2}, scales), CheckError);
}

TEST(Datasets, TableNamesAreUniqueAndDescribed) {
  std::set<std::string_view> names;
  for (const DatasetEntry& entry : datasets()) {
    names.insert(entry.name);
    EXPECT_FALSE(entry.summary.empty());
    EXPECT_NE(entry.open, nullptr);
  }
  EXPECT_EQ(names.size(), datasets().size());
  EXPECT_TRUE(names.contains("glyphs") && names.contains("mnist"));
}

TEST(Datasets, AnUnknownNameIsToldTheNearestAndTheKnown) {
  EXPECT_TRUE(mentions(sentence_of(with_name("glyhps")), {"the nearest is 'glyphs'", "mnist"}));
  EXPECT_TRUE(mentions(sentence_of(with_name("")), {"glyphs", "mnist"}));
}

TEST(Datasets, APathMustBeThereExactlyWhenTheSetHasFiles) {
  EXPECT_TRUE(mentions(sentence_of(with_name("glyphs", "somewhere")), {"data.path", "empty"}));
  EXPECT_TRUE(mentions(sentence_of(with_name("mnist", "")), {"data.path", "folder"}));
}

TEST(Datasets, NegativeAndAbsurdSizesAreRefused) {
  EXPECT_TRUE(mentions(sentence_of(with_sizes(-1, 1)), {"data.train_size = -1", "0"}));
  EXPECT_TRUE(mentions(sentence_of(with_sizes(1, INT64_MIN)), {"data.test_size = -9223372036854775808"}));
  EXPECT_TRUE(mentions(sentence_of(with_sizes(10000001, 1)), {"data.train_size", "10000000"}));
  EXPECT_TRUE(mentions(sentence_of(with_sizes(1, INT64_MAX)), {"data.test_size", "10000000"}));
}

}  // namespace
}  // namespace precsim::data
