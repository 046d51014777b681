// What the tests of the record share: small tables, a folder of their own, and processes that die.
#pragma once

#include <gtest/gtest.h>
#include <hdf5.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/record/record.hpp"
#include "formats/error.hpp"

namespace precsim::record {

namespace fs = std::filesystem;

inline const std::vector<TableSchema> small_tables = {
    {"/steps",
     "One row per step.",
     {{"step", ColumnType::int64, 1, "step", "the step"},
      {"loss", ColumnType::float64, 1, "nat", "the loss"},
      {"layer", ColumnType::text, 8, "-", "the layer"}}},
    {"/counts", "Some counts.", {{"counts", ColumnType::uint64, 3, "element", "three of them"}}}};

inline RecordHeader small_header() {
  return {{{"program", std::string("precsim")}, {"seed", std::int64_t{7}}}, {{"host", std::string("here")}}};
}

inline std::string slurp(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

inline void spill(const fs::path& file, std::string_view bytes) {
  fs::remove(file);
  std::ofstream stream(file, std::ios::binary);
  stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

/// The steps of /steps as the HDF5 library reads them; nothing if the file cannot be opened and read.
inline std::optional<std::vector<std::int64_t>> steps_in(const fs::path& file) {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  const hid_t opened = H5Fopen(file.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  if (opened < 0) return std::nullopt;
  const hid_t dataset = H5Dopen2(opened, "/steps", H5P_DEFAULT);
  const hid_t space = H5Dget_space(dataset);
  hsize_t rows = 0;
  H5Sget_simple_extent_dims(space, &rows, nullptr);
  const hid_t type = H5Tcreate(H5T_COMPOUND, 8);
  H5Tinsert(type, "step", 0, H5T_NATIVE_INT64);
  std::vector<std::int64_t> steps(rows);
  const herr_t status = rows == 0 ? 0 : H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, steps.data());
  H5Tclose(type);
  H5Sclose(space);
  H5Dclose(dataset);
  H5Fclose(opened);
  return status < 0 ? std::nullopt : std::optional(steps);
}

inline std::vector<std::int64_t> up_to(std::int64_t count) {
  std::vector<std::int64_t> steps;
  for (std::int64_t i = 0; i < count; ++i) steps.push_back(i);
  return steps;
}

inline void append_step(Record& record, std::int64_t step) {
  record.append(0, {step, 0.5 / static_cast<double>(step + 1), "conv1"});
}

/// The sentence of the UserError that `body` raises; empty if it raises none.
template <typename Body>
std::string user_error(const Body& body) {
  try {
    body();
  } catch (const UserError& error) {
    return error.what();
  }
  return {};
}

#define EXPECT_SAYS(sentence, part) EXPECT_NE((sentence).find(part), std::string::npos) << (sentence)

class RecordTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder = fs::path(::testing::TempDir()) /
             ("precsim_" + std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()) +
              std::to_string(::getpid()));
    fs::remove_all(folder);
    fs::create_directories(folder);
    file = folder / "run.h5";
    journal = folder / "run.h5.journal";
  }
  void TearDown() override { fs::remove_all(folder); }

  Record start(bool overwrite = false) const { return Record(file, small_header(), small_tables, overwrite); }

  /// Leaves what a process leaves that dies after appending `rows` steps, of which the first `flushed` were flushed.
  void die_after(std::int64_t flushed, std::int64_t rows, bool overwrite = false) const {
    Record record = start(overwrite);
    for (std::int64_t i = 0; i < rows; ++i) {
      if (i == flushed && i > 0) record.flush();
      append_step(record, i);
    }
  }

  std::vector<std::string> names_in_folder() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }

  fs::path folder;
  fs::path file;
  fs::path journal;
};

using Names = std::vector<std::string>;

}  // namespace precsim::record
