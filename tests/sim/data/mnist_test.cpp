// mnist: good files, plain and gzip, and every way in which they can be bad.
#include "sim/data/mnist.hpp"

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "formats/error.hpp"

namespace precsim::data {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t pixels = 784;
/// Of 12 and 5 images as idx() fills them, from FNV-1a over the documented bytes computed apart.
constexpr const char* train_checksum = "2598a82c0a4a6e68";
constexpr const char* test_checksum = "4f41d0db4f795af3";
const std::array<std::string, 4> file_names = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                               "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};

/// An IDX file: magic number, dimensions, `size` data bytes: 7 * i modulo 10.
Bytes idx(std::uint32_t magic, const std::vector<std::uint32_t>& dimensions, std::size_t size) {
  Bytes file;
  const auto append = [&file](std::uint32_t value) {
    for (const int shift : {24, 16, 8, 0}) {
      file.push_back(static_cast<std::uint8_t>(value >> shift));
    }
  };
  append(magic);
  std::for_each(dimensions.begin(), dimensions.end(), append);
  for (std::size_t i = 0; i < size; ++i) {
    file.push_back(static_cast<std::uint8_t>(7 * i % 10));
  }
  return file;
}

Bytes images(std::uint32_t count) {
  return idx(0x803, {count, 28, 28}, count * pixels);
}
Bytes labels(std::uint32_t count) {
  return idx(0x801, {count}, count);
}

Bytes content(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void write_plain(const std::filesystem::path& path, const Bytes& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  for (const std::uint8_t byte : bytes) {
    file.put(static_cast<char>(byte));
  }
  ASSERT_TRUE(file.flush().good());
}

void write_gzip(const std::filesystem::path& path, const Bytes& bytes) {
  gzFile_s* file = gzopen(path.c_str(), "wb6");
  ASSERT_NE(file, nullptr);
  ASSERT_EQ(gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size())), static_cast<int>(bytes.size()));
  ASSERT_EQ(gzclose(file), Z_OK);
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

/// A folder with a good set of 12 training and 5 test images, plain (false) or gzip (true).
class Mnist : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    std::string name = ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::replace(name.begin(), name.end(), '/', '_');
    folder = std::filesystem::path(::testing::TempDir()) / ("precsim_" + name + "_" + std::to_string(getpid()));
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    write("train-images-idx3-ubyte", images(12));
    write("train-labels-idx1-ubyte", labels(12));
    write("t10k-images-idx3-ubyte", images(5));
    write("t10k-labels-idx1-ubyte", labels(5));
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  std::filesystem::path path(const std::string& name) const { return folder / (GetParam() ? name + ".gz" : name); }

  void write(const std::string& name, const Bytes& bytes) {
    GetParam() ? write_gzip(path(name), bytes) : write_plain(path(name), bytes);
  }

  Splits open(std::int64_t train_size = 0, std::int64_t test_size = 0) const {
    return open_dataset({"mnist", folder.string(), train_size, test_size, 1});
  }

  std::string sentence(std::int64_t train_size = 0, std::int64_t test_size = 0) const {
    try {
      open(train_size, test_size);
    } catch (const UserError& error) {
      return error.what();
    }
    return "no error";
  }

  std::filesystem::path folder;
};

INSTANTIATE_TEST_SUITE_P(Files, Mnist, ::testing::Bool(),
                         [](const auto& compressed) { return compressed.param ? "gzip" : "plain"; });

TEST_P(Mnist, ReadsImagesAndLabels) {
  const Splits splits = open();
  ASSERT_EQ(splits.train->size(), 12);
  ASSERT_EQ(splits.test->size(), 5);
  EXPECT_EQ(splits.train->classes(), 10);
  EXPECT_EQ(splits.train->shape().pixels(), 784);
  std::vector<float> values(2 * pixels);
  std::vector<std::int32_t> classes(2);
  splits.train->read(std::array<std::int64_t, 2>{11, 1}, 0, values, classes);
  EXPECT_EQ(classes, (std::vector<std::int32_t>{77 % 10, 7}));
  for (std::size_t p = 0; p < pixels; ++p) {
    ASSERT_EQ(values[p], (static_cast<float>(7 * (11 * pixels + p) % 10) / 255.0f - 0.1307f) / 0.3081f) << p;
    ASSERT_EQ(values[pixels + p], (static_cast<float>(7 * (pixels + p) % 10) / 255.0f - 0.1307f) / 0.3081f) << p;
  }
}

TEST_P(Mnist, ChecksumIsThatOfTheContent) {
  EXPECT_EQ(open().train->checksum(), train_checksum);
  EXPECT_EQ(open().test->checksum(), test_checksum);
}

TEST_P(Mnist, ASmallerSizeTakesTheFirstImages) {
  const Splits first = open(7, 2);
  EXPECT_EQ(first.train->size(), 7);
  EXPECT_EQ(first.test->size(), 2);
  write("train-images-idx3-ubyte", images(7));
  write("train-labels-idx1-ubyte", labels(7));
  EXPECT_EQ(first.train->checksum(), open().train->checksum());
}

TEST_P(Mnist, GzipIsRecognizedByContentNotByName) {
  for (const std::string& name : file_names) {
    std::filesystem::rename(path(name), folder / "swap");
    std::filesystem::rename(folder / "swap", folder / (GetParam() ? name : name + ".gz"));
  }
  EXPECT_EQ(open().train->checksum(), train_checksum);
}

TEST_P(Mnist, EveryMissingFileIsNamed) {
  for (const std::string& name : file_names) {
    const Bytes kept = content(path(name));
    std::filesystem::remove(path(name));
    EXPECT_TRUE(mentions(sentence(), {"'" + name + "'", folder.string(), "data.path"}));
    write_plain(path(name), kept);
  }
  EXPECT_EQ(sentence(), "no error");
}

TEST_P(Mnist, AWrongMagicNumberIsShownWithTheValidOne) {
  write("train-images-idx3-ubyte", labels(12));
  EXPECT_TRUE(mentions(sentence(), {"train-images", "0x00000801", "0x00000803"}));
  write("train-images-idx3-ubyte", images(12));
  write("t10k-labels-idx1-ubyte", idx(0x0d01, {5}, 20));
  EXPECT_TRUE(mentions(sentence(), {"t10k-labels", "0x00000d01", "0x00000801"}));
}

TEST_P(Mnist, OtherImageDimensionsAreRefused) {
  for (const auto& [height, width] : {std::pair{28u, 27u}, {32u, 28u}, {0u, 28u}, {0xffffffffu, 0xffffffffu}}) {
    write("train-images-idx3-ubyte", idx(0x803, {12, height, width}, 100));
    EXPECT_TRUE(mentions(sentence(), {"train-images", std::to_string(height) + " x ", "28 x 28 is valid"}));
  }
}

TEST_P(Mnist, AFileCutAnywhereIsTruncated) {
  const Bytes good = labels(12);
  int cases = 0;
  for (std::size_t size = 0; size < good.size(); ++size, ++cases) {
    write("train-labels-idx1-ubyte", Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)));
    EXPECT_TRUE(mentions(sentence(), {"train-labels", "truncated"})) << size;
  }
  EXPECT_EQ(cases, 20);
}

TEST_P(Mnist, TrailingBytesAreRefused) {
  Bytes bytes = images(5);
  bytes.push_back(0);
  write("t10k-images-idx3-ubyte", bytes);
  EXPECT_TRUE(mentions(sentence(), {"t10k-images", "more than the 3920 bytes"}));
}

TEST_P(Mnist, AHugeCountNeedsHugeDataBeforeItNeedsMemory) {
  write("train-images-idx3-ubyte", idx(0x803, {0xffffffffu, 28, 28}, 1000));
  EXPECT_TRUE(mentions(sentence(), {"truncated", "3367254359280", "holds 1000"}));
}

TEST_P(Mnist, AnEmptySetIsRefused) {
  write("t10k-images-idx3-ubyte", images(0));
  write("t10k-labels-idx1-ubyte", labels(0));
  EXPECT_TRUE(mentions(sentence(), {"t10k-images", "at least one"}));
}

TEST_P(Mnist, ALabelOutOfRangeIsLocatedEvenBeyondTheSizeAskedFor) {
  Bytes bytes = labels(12);
  bytes[8 + 9] = 10;
  write("train-labels-idx1-ubyte", bytes);
  EXPECT_TRUE(mentions(sentence(3), {"train-labels", "image 9 the label 10", "0 to 9"}));
}

TEST_P(Mnist, DifferentNumbersOfImagesAndLabelsAreRefused) {
  write("t10k-labels-idx1-ubyte", labels(6));
  EXPECT_TRUE(mentions(sentence(), {"5 images", "6 labels", "t10k-images"}));
}

TEST_P(Mnist, ASizeBeyondTheFileIsRefused) {
  EXPECT_EQ(sentence(12, 5), "no error");
  EXPECT_TRUE(mentions(sentence(13), {"data.train_size = 13", "12 are valid"}));
  EXPECT_TRUE(mentions(sentence(0, INT64_MAX), {"data.test_size", "5 are valid"}));
}

TEST_P(Mnist, AFolderInPlaceOfAFileIsRefused) {
  std::filesystem::remove(path("train-labels-idx1-ubyte"));
  std::filesystem::create_directory(path("train-labels-idx1-ubyte"));
  EXPECT_TRUE(mentions(sentence(), {"train-labels", "regular file"}));
}

TEST(MnistFolder, AMissingFolderIsNamed) {
  const std::string folder = ::testing::TempDir() + "precsim_no_such_folder";
  try {
    open_mnist({"mnist", folder, 0, 0, 1});
    FAIL() << "no error";
  } catch (const UserError& error) {
    EXPECT_TRUE(mentions(error.what(), {"data.path", folder}));
  }
}

/// Damage to the gzip stream itself, under the bytes that the IDX reader sees.
class MnistGzip : public Mnist {
 protected:
  static constexpr const char* victim = "train-images-idx3-ubyte";
};

INSTANTIATE_TEST_SUITE_P(Files, MnistGzip, ::testing::Values(true), [](const auto&) { return "gzip"; });

TEST_P(MnistGzip, AStreamCutAnywhereIsRefused) {
  const Bytes good = content(path(victim));
  ASSERT_GT(good.size(), 30u);
  for (std::size_t size = 0; size < good.size(); ++size) {
    write_plain(path(victim), Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)));
    EXPECT_TRUE(mentions(sentence(), {victim, "truncated"})) << size << " of " << good.size();
  }
}

TEST_P(MnistGzip, AnyDamagedByteOfDataOrChecksumIsRefused) {
  constexpr std::size_t gzip_header = 10;
  const Bytes good = content(path(victim));
  ASSERT_GT(good.size(), 30u);
  for (std::size_t i = gzip_header; i < good.size(); ++i) {
    Bytes bad = good;
    bad[i] ^= 0x55;
    write_plain(path(victim), bad);
    EXPECT_TRUE(mentions(sentence(), {victim})) << "byte " << i;
  }
}

TEST_P(MnistGzip, AWrongChecksumAloneIsRefused) {
  Bytes bad = content(path(victim));
  bad[bad.size() - 8] ^= 1;
  write_plain(path(victim), bad);
  EXPECT_TRUE(mentions(sentence(), {victim, "incorrect data check"}));
}

TEST_P(MnistGzip, WhatFollowsTheStreamIsIgnoredAsGunzipDoes) {
  Bytes padded = content(path(victim));
  padded.insert(padded.end(), 512, 0);
  write_plain(path(victim), padded);
  EXPECT_EQ(open().train->checksum(), train_checksum);
}

}  // namespace
}  // namespace precsim::data
