// Tests of the exact comparison: every kind of difference is found, named, and nothing else counts.
#include "experiments/record/compare.hpp"

#include <gtest/gtest.h>
#include <hdf5.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <fstream>
#include <functional>

#include "experiments/record/run_file.hpp"
#include "experiments/record/run_schema.hpp"
#include "formats/error.hpp"

namespace precsim::record {
namespace {

namespace fs = std::filesystem;

const std::vector<TableSchema> tables = {{"/steps",
                                          "Steps.",
                                          {{"step", ColumnType::int64, 1, "step", "the step"},
                                           {"loss", ColumnType::float64, 1, "nat", "the loss"},
                                           {"layer", ColumnType::text, 8, "-", "the layer"},
                                           {"counts", ColumnType::uint64, 3, "element", "some counts"}}},
                                         {"/empty", "Nothing.", {{"value", ColumnType::float64, 1, "1", "none"}}}};

constexpr std::size_t rows = 1500;  ///< more than one chunk, less than one block of the comparison

std::string row(std::int64_t step, double loss) {
  const std::array<std::uint64_t, 3> counts = {1, 2, 3};
  return pack_row(tables[0], std::array<Cell, 4>{step, loss, "conv1", std::span<const std::uint64_t>(counts)});
}

RunContents contents() {
  RunContents run{{{{"program", std::string("precsim")}, {"seed", std::int64_t{7}}, {"ratio", 0.5}},
                   {{"host", std::string("here")}}},
                  tables,
                  {"", ""}};
  for (std::size_t i = 0; i < rows; ++i)
    run.rows[0] += row(static_cast<std::int64_t>(i), 1.0 / static_cast<double>(i + 1));
  return run;
}

void replace_row(RunContents& run, std::size_t at, const std::string& bytes) {
  run.rows[0].replace(at * bytes.size(), bytes.size(), bytes);
}

class CompareTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder = fs::path(::testing::TempDir()) /
             ("precsim_" + std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()) +
              std::to_string(::getpid()));
    fs::create_directories(folder);
    first = folder / "a.h5";
    second = folder / "b.h5";
    write(first, contents());
    write(second, contents());
  }
  void TearDown() override { fs::remove_all(folder); }

  static void write(const fs::path& file, const std::string& bytes) {
    fs::remove(file);
    std::ofstream(file, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  static void write(const fs::path& file, const RunContents& run) { write(file, run_image(run, {"id", 1})); }

  /// Lets `change` work on the second file through HDF5 itself.
  void edit(const fs::path& file, const std::function<void(hid_t)>& change) const {
    const hid_t opened = H5Fopen(file.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
    ASSERT_GE(opened, 0);
    change(opened);
    ASSERT_GE(H5Fclose(opened), 0);
  }

  /// Expects the same difference, with sides swapped, in both directions.
  Difference difference() const {
    const auto forth = first_difference(first, second);
    const auto back = first_difference(second, first);
    EXPECT_TRUE(forth.has_value() && back.has_value());
    if (!forth || !back) return {};
    EXPECT_EQ(forth->path, back->path);
    EXPECT_EQ(forth->what, back->what);
    EXPECT_EQ(forth->first, back->second);
    EXPECT_EQ(forth->second, back->first);
    return *forth;
  }

  void expect_equal() const {
    const auto found = first_difference(first, second);
    EXPECT_FALSE(found.has_value()) << found->sentence();
  }

  fs::path folder;
  fs::path first;
  fs::path second;
};

void add_scalar(hid_t place, const char* name, hid_t type, const void* value) {
  const hid_t space = H5Screate(H5S_SCALAR);
  const hid_t dataset = H5Dcreate2(place, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  EXPECT_GE(dataset, 0);
  EXPECT_GE(value == nullptr ? 0 : H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, value), 0);
  H5Dclose(dataset);
  H5Sclose(space);
}

void add_attribute(hid_t object, const char* name, hid_t type, const void* value) {
  const hid_t space = H5Screate(H5S_SCALAR);
  const hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  EXPECT_GE(attribute, 0);
  EXPECT_GE(H5Awrite(attribute, type, value), 0);
  H5Aclose(attribute);
  H5Sclose(space);
}

TEST_F(CompareTest, IdenticalFilesAreEqual) {
  expect_equal();
  EXPECT_FALSE(first_difference(first, first).has_value());
}

TEST_F(CompareTest, ProvenanceDoesNotCount) {
  RunContents run = contents();
  run.header.provenance = {{"host", std::string("elsewhere")}, {"threads", std::int64_t{2}}};
  write(second, run_image(run, {"another", 9}));
  edit(second, [](hid_t file) { add_scalar(file, "/provenance/more", H5T_STD_I32LE, nullptr); });
  expect_equal();
  edit(second, [](hid_t file) { H5Ldelete(file, "provenance", H5P_DEFAULT); });
  expect_equal();
}

TEST_F(CompareTest, OnlyTheProvenanceAtTheTopIsLeftOut) {
  edit(second, [](hid_t file) { H5Gclose(H5Gcreate2(file, "sub", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)); });
  fs::copy_file(second, first, fs::copy_options::overwrite_existing);
  expect_equal();
  edit(second, [](hid_t file) { add_scalar(file, "/sub/provenance", H5T_STD_I32LE, nullptr); });
  EXPECT_EQ(difference().path, "/sub/provenance");
}

TEST_F(CompareTest, ExtraRow) {
  RunContents run = contents();
  run.rows[0] += row(1500, 0.0);
  write(second, run);
  const Difference found = difference();
  EXPECT_EQ(found.path, "/steps");
  EXPECT_EQ(found.what, "shape");
  EXPECT_EQ(found.first, "[1500]");
  EXPECT_EQ(found.second, "[1501]");
}

TEST_F(CompareTest, ExtraRowInAnEmptyTable) {
  RunContents run = contents();
  run.rows[1] += std::string(8, '\0');
  write(second, run);
  EXPECT_EQ(difference().path, "/empty");
}

TEST_F(CompareTest, ExtraObjects) {
  edit(second, [](hid_t file) { H5Gclose(H5Gcreate2(file, "more", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)); });
  const Difference found = difference();
  EXPECT_EQ(found.path, "/more");
  EXPECT_EQ(found.what, "existence");
  edit(second, [](hid_t file) { add_scalar(file, "alpha", H5T_STD_I32LE, nullptr); });
  EXPECT_EQ(difference().path, "/alpha") << "the first in order of names";
}

TEST_F(CompareTest, ExtraAttributes) {
  const std::int64_t value = 1;
  edit(second, [&](hid_t file) {
    const hid_t dataset = H5Dopen2(file, "/steps", H5P_DEFAULT);
    add_attribute(dataset, "note", H5T_STD_I64LE, &value);
    H5Dclose(dataset);
  });
  EXPECT_EQ(difference().path, "/steps attribute note");
  edit(second, [&](hid_t file) { add_attribute(file, "note", H5T_STD_I64LE, &value); });
  EXPECT_EQ(difference().path, "/ attribute note");
}

TEST_F(CompareTest, AttributeValues) {
  const std::vector<std::pair<std::string, AttributeValue>> changes = {
      {"seed", std::int64_t{8}}, {"ratio", -0.5}, {"program", std::string("precsin")}, {"program", std::string()}};
  for (const auto& [name, value] : changes) {
    RunContents run = contents();
    set_value(run.header.run, name, value);
    write(second, run);
    const Difference found = difference();
    EXPECT_EQ(found.path, "/ attribute " + name);
    EXPECT_EQ(found.what, "value");
  }
  RunContents run = contents();
  set_value(run.header.run, "seed", 7.0);
  write(second, run);
  EXPECT_EQ(difference().what, "type");
}

TEST_F(CompareTest, EveryFlippedBitOfARowIsFoundInItsColumn) {
  RunContents run = contents();
  const std::size_t size = row_bytes(tables[0]);
  const auto column_of = [](std::size_t byte) {
    if (byte < 8) return std::string("step");
    if (byte < 16) return std::string("loss");
    if (byte < 24) return std::string("layer");
    return "counts[" + std::to_string((byte - 24) / 8) + "]";
  };
  for (std::size_t bit = 0; bit < 8 * size; ++bit) {
    char& byte = run.rows[0][1432 * size + bit / 8];
    const char before = byte;
    byte = static_cast<char>(byte ^ (1 << bit % 8));
    write(second, run);
    byte = before;
    const Difference found = difference();
    ASSERT_EQ(found.path, "/steps row 1432, " + column_of(bit / 8)) << bit;
    ASSERT_EQ(found.what, "value");
  }
}

TEST_F(CompareTest, FirstDifferenceIsTheFirstRow) {
  RunContents run = contents();
  replace_row(run, 1400, row(-1, 0.25));
  replace_row(run, 17, row(17, 2.0));
  write(second, run);
  const Difference found = difference();
  EXPECT_EQ(found.path, "/steps row 17, loss");
  EXPECT_EQ(found.second, "2 (0x4000000000000000)");
  EXPECT_EQ(found.sentence().substr(0, 27), "/steps row 17, loss: value ");
}

TEST_F(CompareTest, LastRowOfManyBlocks) {
  RunContents run = contents();
  run.rows[0].clear();
  for (std::int64_t i = 0; i < 50000; ++i) run.rows[0] += row(i, 0.5);
  write(first, run);
  replace_row(run, 49999, row(49999, 0.25));
  write(second, run);
  EXPECT_EQ(difference().path, "/steps row 49999, loss");
}

TEST_F(CompareTest, NanPayloadsAndSignsOfZeroCount) {
  const auto bits = [](std::uint64_t pattern) { return std::bit_cast<double>(pattern); };
  const std::vector<std::pair<double, double>> pairs = {{bits(0x7ff8000000000000), bits(0x7ff8000000000001)},
                                                        {bits(0x7ff8000000000000), bits(0xfff8000000000000)},
                                                        {bits(0x7ff0000000000001), bits(0x7ff8000000000001)},
                                                        {0.0, -0.0}};
  for (const auto& [a, b] : pairs) {
    RunContents run = contents();
    replace_row(run, 3, row(3, a));
    write(first, run);
    write(second, run);
    expect_equal();
    replace_row(run, 3, row(3, b));
    write(second, run);
    EXPECT_EQ(difference().path, "/steps row 3, loss");
  }
}

TEST_F(CompareTest, TypesShapesAndMembersCount) {
  const auto changed = [](const std::function<void(RunContents&)>& change) {
    RunContents run = contents();
    run.rows = {"", ""};
    change(run);
    return run;
  };
  RunContents plain = contents();
  plain.rows = {"", ""};
  write(first, plain);
  const std::vector<std::function<void(RunContents&)>> changes = {
      [](RunContents& run) { run.tables[0].columns[0].type = ColumnType::uint64; },
      [](RunContents& run) { run.tables[0].columns[1].type = ColumnType::int64; },
      [](RunContents& run) { run.tables[0].columns[2].length = 9; },
      [](RunContents& run) { run.tables[0].columns[3].length = 2; },
      [](RunContents& run) { run.tables[0].columns[3].name = "tallies"; },
      [](RunContents& run) { std::swap(run.tables[0].columns[0], run.tables[0].columns[1]); },
      [](RunContents& run) { run.tables[0].columns.pop_back(); }};
  for (const auto& change : changes) {
    write(second, changed(change));
    const Difference found = difference();
    EXPECT_EQ(found.path, "/steps");
    EXPECT_EQ(found.what, "type");
    EXPECT_NE(found.first, found.second);
  }
}

TEST_F(CompareTest, KindsOfObjectsCount) {
  edit(first, [](hid_t file) { H5Gclose(H5Gcreate2(file, "x", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)); });
  edit(second, [](hid_t file) { add_scalar(file, "x", H5T_STD_I32LE, nullptr); });
  EXPECT_EQ(difference().what, "kind");
}

TEST_F(CompareTest, LinksAreComparedAndNeverFollowed) {
  edit(first, [](hid_t file) { H5Lcreate_soft("/steps", file, "link", H5P_DEFAULT, H5P_DEFAULT); });
  edit(second, [](hid_t file) { H5Lcreate_hard(file, "/steps", file, "link", H5P_DEFAULT, H5P_DEFAULT); });
  EXPECT_EQ(difference().first, "soft link to \"/steps \"");
  edit(second, [](hid_t file) {
    H5Ldelete(file, "link", H5P_DEFAULT);
    H5Lcreate_external("/no/such/file.h5", "/steps", file, "link", H5P_DEFAULT, H5P_DEFAULT);
  });
  EXPECT_EQ(difference().second.substr(0, 16), "external link to");
  fs::copy_file(second, first, fs::copy_options::overwrite_existing);
  expect_equal();
}

TEST_F(CompareTest, CyclesOfHardLinksEnd) {
  for (const fs::path& file : {first, second}) {
    edit(file, [](hid_t opened) {
      const hid_t group = H5Gcreate2(opened, "loop", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
      H5Lcreate_hard(opened, "/", group, "up", H5P_DEFAULT, H5P_DEFAULT);
      H5Gclose(group);
    });
  }
  expect_equal();
}

TEST_F(CompareTest, WhatHasNoBitsOfItsOwnIsNeverCalledEqual) {
  edit(second, [](hid_t file) {
    const hid_t type = H5Tvlen_create(H5T_STD_I32LE);
    add_scalar(file, "ragged", type, nullptr);
    H5Tclose(type);
  });
  fs::copy_file(second, first, fs::copy_options::overwrite_existing);
  EXPECT_EQ(difference().path, "/ragged");
}

TEST_F(CompareTest, DatasetStoredInAnotherFileIsNotFollowed) {
  edit(second, [&](hid_t file) {
    const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_external(properties, "/dev/zero", 0, 8);
    const hsize_t extent = 1;
    const hid_t space = H5Screate_simple(1, &extent, nullptr);
    H5Dclose(H5Dcreate2(file, "outside", H5T_STD_I64LE, space, H5P_DEFAULT, properties, H5P_DEFAULT));
    H5Sclose(space);
    H5Pclose(properties);
  });
  fs::copy_file(second, first, fs::copy_options::overwrite_existing);
  EXPECT_EQ(difference().first, "stored outside the file");
}

TEST_F(CompareTest, OtherShapesAndTypesOfDataAreComparedToo) {
  const std::array<float, 6> values = {1, 2, 3, 4, 5, 6};
  const auto add = [&](float last) {
    return [&values, last](hid_t file) {
      std::array<float, 6> data = values;
      data[5] = last;
      const std::array<hsize_t, 2> extents = {2, 3};
      const hid_t space = H5Screate_simple(2, extents.data(), nullptr);
      const hid_t dataset = H5Dcreate2(file, "matrix", H5T_IEEE_F32BE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
      EXPECT_GE(H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, data.data()), 0);
      H5Dclose(dataset);
      H5Sclose(space);
      const std::int32_t scalar = -3;
      add_scalar(file, "scalar", H5T_STD_I32LE, &scalar);
    };
  };
  edit(first, add(6));
  fs::copy_file(first, second, fs::copy_options::overwrite_existing);
  expect_equal();
  write(second, contents());
  edit(second, add(7));
  const Difference found = difference();
  EXPECT_EQ(found.path, "/matrix row 1 element 2");
  EXPECT_EQ(found.first, "6 (0x40c00000)");
}

TEST_F(CompareTest, MissingAndForeignFilesAreTheUsersMistake) {
  const auto message = [&](const fs::path& file) {
    for (const bool swapped : {true, false}) {
      try {
        (void)(swapped ? first_difference(file, first) : first_difference(first, file));
        return std::string("no error");
      } catch (const UserError& error) {
        if (!swapped) return std::string(error.what());
      }
    }
    return std::string();
  };
  EXPECT_NE(message(folder / "none.h5").find("none.h5: No such file"), std::string::npos);
  EXPECT_NE(message(folder).find("not a regular file"), std::string::npos);
  write(folder / "text", "not HDF5");
  EXPECT_NE(message(folder / "text").find("text cannot be read"), std::string::npos);
}

TEST_F(CompareTest, AnyDamagedByteIsAnErrorBeforeHdf5SeesIt) {
  const std::string whole = run_image(contents(), {"id", 1});
  const std::size_t marker_at = whole.size() - 12;
  int flips = 0;
  for (std::size_t at = 0; at < marker_at; at += 1 + whole.size() / 500, ++flips) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    write(second, damaged);
    EXPECT_THROW((void)first_difference(first, second), UserError) << at;
  }
  EXPECT_GE(flips, 400);
}

TEST_F(CompareTest, FilesChangedByOtherProgramsHaveNoSealAndAreStillCompared) {
  edit(second, [](hid_t) {});
  expect_equal();
}

TEST_F(CompareTest, CutFilesAreAnErrorAndNeverEqual) {
  const std::string whole = run_image(contents(), {"id", 1});
  int cuts = 0;
  for (std::size_t size = 0; size < whole.size() - 12; size += whole.size() / 40, ++cuts) {
    write(second, whole.substr(0, size));
    EXPECT_THROW((void)first_difference(first, second), UserError) << size;
  }
  EXPECT_GE(cuts, 40);
}

}  // namespace
}  // namespace precsim::record
