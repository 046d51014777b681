// The writer of tensor files: what the readers find in its files, and what is left of those that were not finished.
#include "experiments/tensor_files/tensor_writer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <filesystem>
#include <fstream>

#include "experiments/tensor_files/tensor_file.hpp"
#include "tests/experiments/cli_support.hpp"

namespace precsim::tensor_files {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using tests::error_of;

class Writer : public ::testing::Test {
 protected:
  Writer() {
    std::string pattern = (fs::temp_directory_path() / "precsim_writer_XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no folder");
    folder_ = pattern;
  }
  ~Writer() override { fs::remove_all(folder_); }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

  fs::path folder_;
};

const std::vector<float> numbers = {1.5f, -2.0f, 0x1p-140f, 3e38f, 0.0f, -0.0f};

void append(TensorWriter& writer, std::size_t i, std::span<const float> values) {
  writer.write(i, std::as_bytes(values));
}

TEST_F(Writer, TensorsWrittenInTurnsAreReadBack) {
  for (const char* name : {"x.npz", "x.safetensors", "x.h5", "x.hdf5"}) {
    const std::vector<std::uint16_t> halves = {0x3c00, 0xbc00};
    const std::vector<std::int8_t> codes = {1, -2, 3};
    {
      TensorWriter writer(folder_ / name, {{"a/weight", {2, 3}, StorageType::float32},
                                           {"h", {2}, StorageType::float16},
                                           {"codes", {3, 1}, StorageType::int8},
                                           {"nothing", {0, 7}, StorageType::float32},
                                           {"scalar", {}, StorageType::float64}});
      append(writer, 0, std::span(numbers).first(2));
      const double third = 0.25;
      writer.write(4, std::as_bytes(std::span(&third, 1)));
      writer.write(1, std::as_bytes(std::span(halves)));
      append(writer, 0, std::span(numbers).subspan(2));
      writer.write(3, {});
      writer.write(2, std::as_bytes(std::span(codes)));
      EXPECT_FALSE(fs::exists(folder_ / name));
      writer.commit();
    }
    const auto file = open_tensor_file(folder_ / name);
    ASSERT_EQ(file->tensors().size(), 5u) << name;
    std::size_t seen = 0;
    for (std::size_t i = 0; i < 5; ++i) {
      const TensorEntry& entry = file->tensors()[i];
      std::vector<float> values(static_cast<std::size_t>(entry.size()));
      if (entry.name == "codes") {
        EXPECT_EQ(entry.type_text, "int8");
        EXPECT_THAT(entry.shape, ElementsAre(3, 1));
        continue;
      }
      file->read(i, 0, values);
      if (entry.name == "a/weight") {
        EXPECT_THAT(entry.shape, ElementsAre(2, 3));
        for (std::size_t j = 0; j < values.size(); ++j) {
          EXPECT_EQ(std::bit_cast<std::uint32_t>(values[j]), std::bit_cast<std::uint32_t>(numbers[j])) << name;
        }
        ++seen;
      }
      if (entry.name == "h") seen += values == std::vector{1.0f, -1.0f} ? 1 : 0;
      if (entry.name == "scalar") seen += values == std::vector{0.25f} && entry.shape.empty() ? 1 : 0;
    }
    EXPECT_EQ(seen, 3u) << name;
  }
  EXPECT_EQ(files(), 4u);
}

TEST_F(Writer, WhatIsNotCommittedIsRemovedAndWhatWasThereStays) {
  for (const char* name : {"x.npy", "x.npz", "x.safetensors", "x.h5"}) {
    std::ofstream(folder_ / name) << "before";
    {
      TensorWriter writer(folder_ / name, {{"a", {6}, StorageType::float32}});
      append(writer, 0, numbers);
    }
    EXPECT_EQ(fs::file_size(folder_ / name), 6u);
  }
  EXPECT_EQ(files(), 4u);
}

TEST_F(Writer, SaysWhatCannotBeWritten) {
  const auto said = [&](const char* name, std::vector<TensorSpec> tensors) {
    return error_of([&] { TensorWriter(folder_ / name, std::move(tensors)); });
  };
  EXPECT_THAT(said("x.npy", {{"a", {}}, {"b", {}}}), HasSubstr("2 tensors"));
  EXPECT_THAT(said("x.bin", {{"a", {}}}), HasSubstr("valid are .npy"));
  EXPECT_THAT(said("x.npz", {{"a", {}}, {"a", {}}}), HasSubstr("two tensors"));
  EXPECT_THAT(said("x.h5", {{"a", {}}, {"a/b", {}}}), HasSubstr("'a/b'"));
  EXPECT_THAT(said("x.safetensors", {{"__metadata__", {}}}), HasSubstr("__metadata__"));
  EXPECT_THAT(said("none/x.npz", {{"a", {}}}), HasSubstr("none/x.npz"));
  EXPECT_EQ(files(), 0u);
}

}  // namespace
}  // namespace precsim::tensor_files
