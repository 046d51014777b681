// imagefolder: classes and order, values against decoding and scaling by hand, corrupt files, checksums, refusals.
#include "sim/data/image_folder.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>
#include <utility>

#include "formats/error.hpp"
#include "formats/random_bits.hpp"
#include "sim/data/augmentation.hpp"
#include "sim/data/batch_reader.hpp"
#include "sim/data/picture.hpp"
#include "sim/data/synthetic.hpp"
#include "tests/sim/data/picture_support.hpp"

namespace precsim::data {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int side = 12;
constexpr std::size_t values = side * side * 3;

struct Contents {
  std::vector<float> images;
  std::vector<std::int32_t> labels;
  bool operator==(const Contents&) const = default;
};

Contents read(const Dataset& set, const std::vector<std::int64_t>& indices, std::uint32_t epoch = 0) {
  const std::size_t pixels = static_cast<std::size_t>(set.shape().pixels());
  Contents contents{std::vector<float>(indices.size() * pixels), std::vector<std::int32_t>(indices.size())};
  set.read(indices, epoch, contents.images, contents.labels);
  return contents;
}

Contents read_all(const Dataset& set, std::uint32_t epoch = 0) {
  std::vector<std::int64_t> indices(static_cast<std::size_t>(set.size()));
  std::iota(indices.begin(), indices.end(), 0);
  return read(set, indices, epoch);
}

std::vector<float> normalized(std::vector<float> pixels) {
  constexpr float mean[] = {0.485f, 0.456f, 0.406f};
  constexpr float deviation[] = {0.229f, 0.224f, 0.225f};
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = (pixels[i] / 255.0f - mean[i % 3]) / deviation[i % 3];
  return pixels;
}

/// Training: three of class ant, two of bee, one of cat. Evaluation: one of each.
class ImageFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string name = ::testing::UnitTest::GetInstance()->current_test_info()->name();
    folder = fs::path(::testing::TempDir()) / fmt::format("precsim_folder_{}_{}", name, getpid());
    fs::remove_all(folder);
    const std::pair<const char*, const char*> files[] = {
        {"train/ant/a.jpg", "chroma_420.jpg"}, {"train/ant/b.PNG", "rgb.png"},         {"train/ant/c.jpeg", "cmyk.jpg"},
        {"train/bee/1.png", "palette.png"},    {"train/bee/2.jpg", "progressive.jpg"}, {"train/cat/z.jpg", "gray.jpg"},
        {"val/ant/v.jpg", "chroma_444.jpg"},   {"val/bee/v.png", "gray_16.png"},       {"val/cat/v.png", "alpha.png"}};
    for (const auto& [path, golden] : files) {
      write(path, golden_picture(golden));
    }
    write("train/ant/notes.txt", {1, 2, 3});
  }
  void TearDown() override { fs::remove_all(folder); }

  void write(const std::string& path, const Bytes& bytes) const {
    fs::create_directories((folder / path).parent_path());
    std::ofstream file(folder / path, std::ios::binary | std::ios::trunc);
    for (const std::uint8_t byte : bytes) file.put(static_cast<char>(byte));
    ASSERT_TRUE(file.flush().good());
  }

  DatasetOptions options() const {
    DatasetOptions options;
    options.name = "imagefolder";
    options.path = folder.string();
    options.image_size = side;
    return options;
  }
  std::string sentence() const {
    try {
      read_all(*open_dataset(options()).train);
    } catch (const UserError& error) {
      return error.what();
    }
    return "no error";
  }

  fs::path folder;
};

TEST_F(ImageFolder, takes_the_first_of_every_class_then_the_second) {
  const Splits splits = open_dataset(options());
  EXPECT_EQ(splits.train->classes(), 3);
  EXPECT_EQ(splits.train->shape().height, side);
  EXPECT_THAT(read_all(*splits.train).labels, ElementsAre(0, 1, 2, 0, 1, 0));
  EXPECT_THAT(read_all(*splits.test).labels, ElementsAre(0, 1, 2));
  DatasetOptions few = options();
  few.train_size = 3;
  EXPECT_THAT(read_all(*open_dataset(few).train).labels, ElementsAre(0, 1, 2));
  few.train_size = 7;
  EXPECT_THROW(open_dataset(few), UserError);
}

/// 21 x 14 is scaled to a shorter side of 14 for 12 pixels; then rows from 1, columns from 5.
TEST_F(ImageFolder, evaluation_scales_and_takes_the_center) {
  const Contents test = read_all(*open_dataset(options()).test);
  DatasetOptions unchanged = options();
  unchanged.augment = false;
  const Contents train = read_all(*open_dataset(unchanged).train, 3);
  const std::pair<const Contents*, std::array<const char*, 6>> sets[] = {
      {&test, {"chroma_444.jpg", "gray_16.png", "alpha.png", nullptr, nullptr, nullptr}},
      {&train, {"chroma_420.jpg", "palette.png", "gray.jpg", "rgb.png", "progressive.jpg", "cmyk.jpg"}}};
  int compared = 0;
  for (const auto& [contents, names] : sets) {
    for (std::size_t i = 0; i < contents->labels.size(); ++i, ++compared) {
      const Picture picture = decode_picture(golden_picture(names[i]));
      std::vector<float> expected(values);
      resample(picture, {0, 0, 14, 21}, 14, 21, {1, 5, side, side}, expected);
      const auto first = contents->images.begin() + static_cast<std::ptrdiff_t>(i * values);
      EXPECT_EQ(std::vector<float>(first, first + values), normalized(expected)) << names[i];
    }
  }
  EXPECT_EQ(compared, 9);
}

TEST_F(ImageFolder, training_takes_a_random_part_and_flips_it) {
  DatasetOptions seeded = options();
  seeded.run_seed = 9;
  const Splits splits = open_dataset(seeded);
  const char* const names[] = {"chroma_420.jpg", "palette.png", "gray.jpg", "rgb.png", "progressive.jpg", "cmyk.jpg"};
  const ResizedCropFlip augmentation{9, formats::tensor_id("imagefolder/train")};
  int flips = 0;
  for (const std::uint32_t epoch : {0u, 4u}) {
    const Contents train = read_all(*splits.train, epoch);
    for (std::size_t i = 0; i < 6; ++i) {
      const auto choice = augmentation.choice(epoch, static_cast<std::int64_t>(i), 14, 21);
      std::vector<float> part(values), expected(values);
      resample(decode_picture(golden_picture(names[i])), choice.box, side, side, {0, 0, side, side}, part);
      for (std::size_t p = 0; p < values; ++p) {
        const std::size_t x = p / 3 % side;
        const std::size_t from = choice.flip ? p - 3 * x + 3 * (side - 1 - x) : p;
        expected[p] = part[from];
      }
      const auto first = train.images.begin() + static_cast<std::ptrdiff_t>(i * values);
      EXPECT_EQ(std::vector<float>(first, first + values), normalized(expected)) << names[i];
      flips += choice.flip ? 1 : 0;
    }
  }
  EXPECT_GT(flips, 0);
  EXPECT_LT(flips, 12);
  EXPECT_NE(read_all(*splits.train, 0), read_all(*open_dataset(options()).train, 0)) << "another seed";
}

TEST_F(ImageFolder, corrupt_images_end_the_run_or_are_replaced_by_the_next_good_one) {
  Bytes cut = golden_picture("rgb.png");
  cut.resize(cut.size() - 20);
  write("train/ant/b.PNG", cut);  // index 3
  write("train/ant/c.jpeg", {});  // index 5, the last
  EXPECT_THAT(sentence(),
              AllOf(HasSubstr("train/ant/b.PNG"), HasSubstr("the file ends early"), HasSubstr("data.corrupt")));

  DatasetOptions skipping = options();
  skipping.replace_corrupt = true;
  const Splits splits = open_dataset(skipping);
  EXPECT_TRUE(splits.train->replaced().empty());
  const Contents all = read_all(*splits.train, 2);
  EXPECT_THAT(all.labels, ElementsAre(0, 1, 2, 1, 1, 0));
  EXPECT_EQ(read(*splits.train, {3, 5}, 2), read(*splits.train, {4, 0}, 2));
  EXPECT_THAT(splits.train->replaced(), ElementsAre("ant/b.PNG: the file ends early", "ant/c.jpeg: it is empty"));
  EXPECT_TRUE(splits.test->replaced().empty());

  for (const int workers : {1, 2, 5}) {
    const Splits fresh = open_dataset(skipping);
    bool asked = false;
    BatchReader reader(*fresh.train, workers, [&]() -> std::optional<BatchRequest> {
      return std::exchange(asked, true) ? std::nullopt : std::optional(BatchRequest{{0, 1, 2, 3, 4, 5}, 2});
    });
    Contents contents{std::vector<float>(6 * values), std::vector<std::int32_t>(6)};
    reader.next(contents.images, contents.labels);
    EXPECT_EQ(contents, all) << workers;
    EXPECT_EQ(fresh.train->replaced().size(), 2u);
  }

  for (const char* rest : {"ant/a.jpg", "bee/1.png", "bee/2.jpg", "cat/z.jpg"}) {
    write(fmt::format("train/{}", rest), {0});
  }
  EXPECT_THROW(read_all(*open_dataset(skipping).train), UserError);
}

TEST_F(ImageFolder, the_checksum_is_of_names_and_sizes_or_content) {
  DatasetOptions content = options();
  content.checksum_content = true;
  const std::string names_before = open_dataset(options()).train->checksum();
  const std::string content_before = open_dataset(content).train->checksum();
  EXPECT_NE(names_before, content_before);
  EXPECT_EQ(open_dataset(options()).train->checksum(), names_before);

  Bytes changed = golden_picture("gray.jpg");
  changed.back() ^= 1;
  write("train/cat/z.jpg", changed);
  EXPECT_EQ(open_dataset(options()).train->checksum(), names_before);
  EXPECT_NE(open_dataset(content).train->checksum(), content_before);

  fs::rename(folder / "train/cat/z.jpg", folder / "train/cat/y.jpg");
  EXPECT_NE(open_dataset(options()).train->checksum(), names_before);
  DatasetOptions larger = options();
  larger.image_size = 16;
  EXPECT_NE(open_dataset(larger).test->checksum(), open_dataset(options()).test->checksum());
}

TEST_F(ImageFolder, refuses_folders_that_are_not_laid_out_so) {
  fs::create_directories(folder / "train/ant/deeper");
  EXPECT_THAT(sentence(), AllOf(HasSubstr("deeper"), HasSubstr("files only")));
  fs::remove(folder / "train/ant/deeper");

  fs::create_directories(folder / "val/dog");
  EXPECT_THAT(sentence(), AllOf(HasSubstr("class 'dog'"), HasSubstr("/val' only")));
  fs::create_directories(folder / "train/dog");
  EXPECT_THAT(sentence(), AllOf(HasSubstr("train/dog'"), HasSubstr("needs images")));
  fs::remove(folder / "val/dog");
  EXPECT_THAT(sentence(), AllOf(HasSubstr("class 'dog'"), HasSubstr("/train' only")));
  fs::remove_all(folder / "val");
  EXPECT_THAT(sentence(), AllOf(HasSubstr("/val'"), HasSubstr("cannot be read")));
  fs::remove_all(folder / "train");
  fs::create_directories(folder / "train/alone");
  EXPECT_THAT(sentence(), AllOf(HasSubstr("holds 1 folders"), HasSubstr("at least two")));
}

TEST(Synthetic, repeats_a_pool_of_any_size_and_number_of_classes) {
  DatasetOptions options;
  options.name = "synthetic";
  options.image_size = side;
  options.class_count = 1000;
  options.train_size = 200;
  const Splits splits = open_dataset(options);
  EXPECT_EQ(splits.train->size(), 200);
  EXPECT_EQ(splits.test->size(), 500);
  EXPECT_EQ(splits.train->classes(), 1000);
  const Contents all = read_all(*splits.train);
  EXPECT_EQ(read(*splits.train, {130, 2}, 5), read(*splits.train, {2, 66}, 1));
  EXPECT_NE(read(*splits.train, {1}), read(*splits.train, {2}));
  EXPECT_GT(*std::max_element(all.labels.begin(), all.labels.end()), 255) << "more labels than a byte holds";
  double sum = 0, squares = 0;
  for (const double value : all.images) {
    sum += value;
    squares += value * value;
  }
  EXPECT_NEAR(sum / static_cast<double>(all.images.size()), 0, 0.03);
  EXPECT_NEAR(squares / static_cast<double>(all.images.size()), 1.34, 0.05);
  EXPECT_EQ(open_dataset(options).train->checksum(), splits.train->checksum());
  EXPECT_NE(splits.test->checksum(), splits.train->checksum());
  options.seed = 2;
  EXPECT_NE(open_dataset(options).train->checksum(), splits.train->checksum());
}

}  // namespace
}  // namespace precsim::data
