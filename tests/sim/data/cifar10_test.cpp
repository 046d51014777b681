// cifar10: the layout of its files, normalization, crops and flips against their definition, and refused files.
#include "sim/data/cifar10.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "formats/error.hpp"
#include "formats/random_bits.hpp"
#include "sim/data/augmentation.hpp"

namespace precsim::data {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::size_t record = 3073;
constexpr int side = 32;
constexpr std::size_t values = 3072;

/// The pixel code that image `i` of the set has at plane c, row y, column x.
std::uint8_t code(int i, int c, int y, int x) {
  return static_cast<std::uint8_t>(97 * i + 71 * c + 13 * y + 7 * x + x * y);
}

/// `count` records whose images are numbered from `first`; image i has the label i % 10.
std::string batch(int first, int count) {
  std::string bytes;
  for (int i = first; i < first + count; ++i) {
    bytes += static_cast<char>(i % 10);
    for (int p = 0; p < 3 * side * side; ++p) {
      bytes += static_cast<char>(code(i, p / (side * side), p / side % side, p % side));
    }
  }
  return bytes;
}

struct Contents {
  std::vector<float> images;
  std::vector<std::int32_t> labels;
  bool operator==(const Contents&) const = default;
};

Contents read(const Dataset& set, const std::vector<std::int64_t>& indices, std::uint32_t epoch) {
  Contents contents{std::vector<float>(indices.size() * values), std::vector<std::int32_t>(indices.size())};
  set.read(indices, epoch, contents.images, contents.labels);
  return contents;
}

std::vector<std::int64_t> first_indices(std::int64_t count) {
  std::vector<std::int64_t> indices(static_cast<std::size_t>(count));
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

float normalized(std::uint8_t pixel, int c) {
  constexpr float mean[] = {0.4914f, 0.4822f, 0.4465f};
  constexpr float deviation[] = {0.2470f, 0.2435f, 0.2616f};
  return (static_cast<float>(pixel) / 255.0f - mean[c]) / deviation[c];
}

/// Two training images in each of the five files, seven test images.
class Cifar10 : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string name = ::testing::UnitTest::GetInstance()->current_test_info()->name();
    folder = std::filesystem::path(::testing::TempDir()) / fmt::format("precsim_cifar10_{}_{}", name, getpid());
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    for (int file = 0; file < 5; ++file) {
      write(fmt::format("data_batch_{}.bin", file + 1), batch(2 * file, 2));
    }
    write("test_batch.bin", batch(100, 7));
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  void write(const std::string& name, const std::string& bytes) const {
    std::ofstream(folder / name, std::ios::binary | std::ios::trunc) << bytes;
  }

  DatasetOptions options() const {
    DatasetOptions options;
    options.name = "cifar10";
    options.path = folder.string();
    return options;
  }
  Splits open(std::optional<bool> augment = {}, std::uint32_t run_seed = 1) const {
    DatasetOptions wanted = options();
    wanted.augment = augment;
    wanted.run_seed = run_seed;
    return open_dataset(wanted);
  }
  static std::string sentence(const DatasetOptions& options) {
    try {
      open_dataset(options);
    } catch (const UserError& error) {
      return error.what();
    }
    return "no error";
  }

  std::filesystem::path folder;
};

TEST_F(Cifar10, planes_become_pixels_in_the_order_of_the_files) {
  const Splits splits = open(false);
  EXPECT_EQ(splits.train->size(), 10);
  EXPECT_EQ(splits.test->size(), 7);
  EXPECT_EQ(splits.train->classes(), 10);
  EXPECT_EQ(splits.train->shape().pixels(), 3072);
  const Contents train = read(*splits.train, first_indices(10), 3);
  const Contents test = read(*splits.test, first_indices(7), 3);
  int compared = 0;
  for (int i = 0; i < 17; ++i) {
    const auto at = static_cast<std::size_t>(i < 10 ? i : i - 10);
    const Contents& contents = i < 10 ? train : test;
    const int number = i < 10 ? i : 90 + i;
    ASSERT_EQ(contents.labels[at], number % 10);
    for (int p = 0; p < 3072; ++p) {
      const std::uint8_t pixel = code(number, p % 3, p / 3 / side, p / 3 % side);
      ASSERT_EQ(contents.images[at * values + static_cast<std::size_t>(p)], normalized(pixel, p % 3)) << i << ' ' << p;
      ++compared;
    }
  }
  EXPECT_EQ(compared, 17 * 3072);
}

/// One pixel after the other, as the contract says it.
std::vector<float> slowly_augmented(int image, std::uint32_t seed, std::uint32_t epoch) {
  const formats::RandomBits bits{seed, formats::Stream::augmentation, epoch, formats::tensor_id("cifar10/train"), 0};
  const auto word = [&](int k) { return bits.word(static_cast<std::uint64_t>(4 * image + k)); };
  const int row = static_cast<int>(std::uint64_t{word(0)} * 9 >> 32);
  const int column = static_cast<int>(std::uint64_t{word(1)} * 9 >> 32);
  const bool flip = word(2) >= 0x80000000u;
  std::vector<float> out;
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      for (int c = 0; c < 3; ++c) {
        const int from_y = y + row - 4;
        const int from_x = (flip ? side - 1 - x : x) + column - 4;
        const bool inside = std::clamp(from_y, 0, side - 1) == from_y && std::clamp(from_x, 0, side - 1) == from_x;
        out.push_back(normalized(inside ? code(image, c, from_y, from_x) : std::uint8_t{0}, c));
      }
    }
  }
  return out;
}

TEST_F(Cifar10, crops_and_flips_follow_the_definition) {
  for (const std::uint32_t seed : {1u, 77u}) {
    const Splits splits = open({}, seed);
    for (const std::uint32_t epoch : {0u, 1u, 40u}) {
      const Contents train = read(*splits.train, first_indices(10), epoch);
      for (int i = 0; i < 10; ++i) {
        const auto first = train.images.begin() + i * 3072;
        ASSERT_EQ(std::vector<float>(first, first + 3072), slowly_augmented(i, seed, epoch)) << seed << epoch << i;
        ASSERT_EQ(train.labels[static_cast<std::size_t>(i)], i);
      }
    }
  }
}

TEST(PadCropFlip, takes_every_place_and_both_sides_about_equally_often) {
  const PadCropFlip augmentation{4, 1, formats::tensor_id("cifar10/train")};
  std::vector<int> rows(9), columns(9);
  int flips = 0;
  constexpr int images = 9000;
  for (int i = 0; i < images; ++i) {
    const PadCropFlip::Choice choice = augmentation.choice(5, i);
    ++rows.at(static_cast<std::size_t>(choice.row + 4));
    ++columns.at(static_cast<std::size_t>(choice.column + 4));
    flips += choice.flip ? 1 : 0;
  }
  for (std::size_t place = 0; place < 9; ++place) {
    EXPECT_NEAR(rows[place], 1000, 150);
    EXPECT_NEAR(columns[place], 1000, 150);
  }
  EXPECT_NEAR(flips, images / 2, 250);
}

TEST_F(Cifar10, an_image_depends_on_seed_epoch_and_index_alone) {
  const Splits splits = open();
  const Contents all = read(*splits.train, first_indices(10), 2);
  const Contents some = read(*splits.train, {7, 3, 7}, 2);
  for (const auto& [at, index] : {std::pair{0, 7}, {1, 3}, {2, 7}}) {
    EXPECT_TRUE(std::equal(some.images.begin() + at * 3072, some.images.begin() + (at + 1) * 3072,
                           all.images.begin() + index * 3072));
  }
  EXPECT_EQ(read(*open().train, first_indices(10), 2), all);
  EXPECT_NE(read(*splits.train, first_indices(10), 3), all);
  EXPECT_NE(read(*open({}, 2).train, first_indices(10), 2), all);
}

TEST_F(Cifar10, test_images_never_change_and_checksums_are_of_the_data) {
  const Splits augmented = open(true, 5);
  const Splits plain = open(false);
  EXPECT_EQ(read(*augmented.test, first_indices(7), 9), read(*plain.test, first_indices(7), 0));
  EXPECT_EQ(augmented.train->checksum(), plain.train->checksum());
  EXPECT_NE(plain.train->checksum(), plain.test->checksum());
}

TEST_F(Cifar10, the_folder_around_will_do_and_sizes_take_the_first) {
  DatasetOptions around = options();
  const std::filesystem::path inner = folder / "cifar-10-batches-bin";
  std::filesystem::create_directories(inner);
  for (const char* name : {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
                           "data_batch_5.bin", "test_batch.bin"}) {
    std::filesystem::rename(folder / name, inner / name);
  }
  around.train_size = 3;
  around.test_size = 7;
  const Splits splits = open_dataset(around);
  EXPECT_EQ(splits.train->size(), 3);
  EXPECT_EQ(splits.test->size(), 7);
  EXPECT_EQ(read(*splits.train, {2}, 0).labels[0], 2);
  around.train_size = 11;
  EXPECT_THAT(sentence(around), AllOf(HasSubstr("data.train_size = 11"), HasSubstr("10 images"), HasSubstr("valid")));
}

TEST_F(Cifar10, refuses_what_is_missing_cut_or_mislabeled) {
  DatasetOptions elsewhere = options();
  elsewhere.path += "/no";
  EXPECT_THAT(sentence(elsewhere), AllOf(HasSubstr("/no'"), HasSubstr("is not a folder")));

  write("data_batch_4.bin", batch(0, 2).substr(1));
  EXPECT_THAT(sentence(options()), AllOf(HasSubstr("data_batch_4.bin"), HasSubstr("6145 bytes"), HasSubstr("3073")));
  write("data_batch_4.bin", "");
  EXPECT_THAT(sentence(options()), AllOf(HasSubstr("data_batch_4.bin"), HasSubstr("0 bytes")));

  std::string wrong_label = batch(0, 2);
  wrong_label[record] = 10;
  write("data_batch_4.bin", wrong_label);
  EXPECT_THAT(sentence(options()), AllOf(HasSubstr("data_batch_4.bin"), HasSubstr("image 1"), HasSubstr("label 10")));

  std::filesystem::remove(folder / "data_batch_4.bin");
  EXPECT_THAT(sentence(options()), AllOf(HasSubstr("data_batch_4.bin"), HasSubstr("does not exist")));
}

TEST(Augment, is_refused_where_a_data_set_has_none) {
  DatasetOptions options;
  options.augment = true;
  try {
    open_dataset(options);
    FAIL() << "no error";
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("data.augment = true"), HasSubstr("glyphs"), HasSubstr("valid")));
  }
  options.augment = false;
  options.train_size = options.test_size = 10;
  EXPECT_EQ(open_dataset(options).train->size(), 10);
}

}  // namespace
}  // namespace precsim::data
