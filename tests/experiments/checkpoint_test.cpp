// Tests of checkpoint files: what goes in comes out, anything else is refused before it is believed.
#include "experiments/checkpoint/checkpoint.hpp"

#include <bit>
#include <cmath>
#include <limits>
#include <map>

#include "experiments/record/file_io.hpp"
#include "experiments/record/hdf5_image.hpp"
#include "experiments/record/seal.hpp"
#include "tests/experiments/record_support.hpp"

namespace precsim::checkpoint {
namespace {

using record::slurp;
using record::spill;
using record::user_error;
namespace fs = std::filesystem;

constexpr float infinity = std::numeric_limits<float>::infinity();

Checkpoint example() {
  Checkpoint c;
  c.run = {{"program", std::string("precsim")},
           {"configuration", std::string("[run]\nseed = 1\n")},
           {"numerics_version", std::int64_t{1}}};
  c.provenance = {{"seconds", 1.5}, {"host", std::string("here")}};
  c.state.step = 12;
  c.state.loss_scale = {0x1p15, 3};
  c.state.totals.integer_macs = 1;
  c.state.totals.all_macs = std::uint64_t{1} << 40;
  c.state.totals.overflow_events = 3;
  c.state.totals.saved_bytes = 4;
  c.state.evaluation = {11, 2, 40, 7, 0.175, 2.25, 20, 0.5};
  c.state.tensors = {{"buffers", "bn", "running_mean", {2}, {0.5f, -0.5f}},
                     {"momentum", "conv", "weight", {1, 2, 1, 2}, {1, 2, 3, 4}},
                     {"parameters", "conv", "weight", {1, 2, 1, 2}, {-0.0f, infinity, 0x1p-149f, 4}},
                     {"parameters", "layer1.0.fc", "bias", {1}, {7}}};
  c.state.controllers = {{"conv", "errors", "all", "dfxp12", {3, 1, 0, -6, 5, 3, 1, 2, 0x1p40}},
                         {"layer1.0.fc", "weights", "weight_gradient", "flex16+5", {1, 0, 0, -14, -14, 1, 0.5}}};
  c.record = {"0123456789abcdef0123456789abcdef", {{"evaluation", 1}, {"training", 12}}};
  c.figures = {{"skipped_steps", std::int64_t{2}}, {"training_loss", 0.125}};
  return c;
}

class CheckpointTest : public record::RecordTest {
 protected:
  std::string refusal() const {
    const std::string before = slurp(path());
    const std::string sentence = user_error([&] { read(path()); });
    EXPECT_EQ(slurp(path()), before);
    return sentence;
  }
  fs::path path() const { return path_for(file); }
};

std::map<std::string, record::AttributeValue> sorted(const record::AttributeList& list) {
  std::map<std::string, record::AttributeValue> values;
  for (const record::Attribute& attribute : list) values[attribute.name] = attribute.value;
  return values;
}

TEST_F(CheckpointTest, RoundTripKeepsEverything) {
  const Checkpoint c = example();
  write(path(), c);
  const Checkpoint back = read(path());
  EXPECT_EQ(sorted(back.run), sorted(c.run));
  EXPECT_EQ(sorted(back.provenance), sorted(c.provenance));
  EXPECT_EQ(sorted(back.figures), sorted(c.figures));
  EXPECT_EQ(back.state.step, 12);
  EXPECT_EQ(back.state.loss_scale, c.state.loss_scale);
  EXPECT_EQ(back.state.totals.integer_macs, 1u);
  EXPECT_EQ(back.state.totals.all_macs, std::uint64_t{1} << 40);
  EXPECT_EQ(back.state.totals.overflow_events, 3u);
  EXPECT_EQ(back.state.totals.saved_bytes, 4u);
  EXPECT_EQ(back.state.evaluation.step, 11);
  EXPECT_EQ(back.state.evaluation.epoch, 2);
  EXPECT_EQ(back.state.evaluation.images, 40);
  EXPECT_EQ(back.state.evaluation.correct, 7);
  EXPECT_EQ(back.state.evaluation.accuracy, 0.175);
  EXPECT_EQ(back.state.evaluation.loss, 2.25);
  EXPECT_EQ(back.state.evaluation.correct5, 20);
  EXPECT_EQ(back.state.evaluation.accuracy5, 0.5);
  EXPECT_EQ(back.state.tensors, c.state.tensors);
  EXPECT_TRUE(std::signbit(back.state.tensors[2].values[0]));
  EXPECT_EQ(back.state.controllers, c.state.controllers);
  EXPECT_EQ(back.record.id, c.record.id);
  ASSERT_EQ(back.record.rows.size(), 2u);
  EXPECT_EQ(back.record.rows[1].table, "training");
  EXPECT_EQ(back.record.rows[1].count, 12u);
  EXPECT_EQ(names_in_folder(), record::Names{"run.checkpoint.h5"});
}

TEST_F(CheckpointTest, NanKeepsItsBits) {
  Checkpoint c = example();
  c.state.tensors[0].values[0] = std::bit_cast<float>(0xffc12345u);
  c.figures = {{"training_loss", std::bit_cast<double>(0x7ff8000000001234u)}};
  write(path(), c);
  const Checkpoint back = read(path());
  EXPECT_EQ(std::bit_cast<std::uint32_t>(back.state.tensors[0].values[0]), 0xffc12345u);
  EXPECT_EQ(std::bit_cast<std::uint64_t>(record::value_of<double>(back.figures, "training_loss", "it")),
            0x7ff8000000001234u);
}

TEST_F(CheckpointTest, EqualContentGivesEqualBytes) {
  EXPECT_EQ(image(example()), image(example()));
}

TEST_F(CheckpointTest, NoTwoRecordsShareACheckpoint) {
  EXPECT_EQ(path_for("a/run.h5"), "a/run.checkpoint.h5");
  EXPECT_EQ(path_for("a.b/run.2.h5"), "a.b/run.2.checkpoint.h5");
  EXPECT_EQ(path_for("run"), "run.checkpoint");
  EXPECT_EQ(path_for("run.hdf5"), "run.hdf5.checkpoint");
  EXPECT_EQ(path_for(".h5"), ".h5.checkpoint");
}

TEST_F(CheckpointTest, EveryFlippedBitIsRefused) {
  const std::string whole = image(example());
  int refused = 0;
  for (std::size_t at = 0; at < whole.size(); at += at + 16 < whole.size() ? 13 : 1) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << at % 8));
    spill(path(), damaged);
    ASSERT_NE(user_error([&] { read(path()); }).find(path().string()), std::string::npos) << at;
    ++refused;
  }
  EXPECT_GT(refused, 500);
}

TEST_F(CheckpointTest, EveryTruncationIsRefused) {
  const std::string whole = image(example());
  int refused = 0;
  for (std::size_t size = 0; size < whole.size(); size += size + 16 < whole.size() ? 97 : 1) {
    spill(path(), whole.substr(0, size));
    ASSERT_NE(user_error([&] { read(path()); }).find("cut short"), std::string::npos) << size;
    ++refused;
  }
  EXPECT_GT(refused, 60);
  spill(path(), whole + "x");
  EXPECT_SAYS(refusal(), "cut short");
}

TEST_F(CheckpointTest, ForeignFilesAreRefused) {
  EXPECT_SAYS(user_error([&] { read(path()); }), "No such file");
  fs::create_directory(path());
  EXPECT_SAYS(user_error([&] { read(path()); }), "not a regular file");
  fs::remove(path());
  spill(path(), "notes of somebody else");
  EXPECT_SAYS(refusal(), "another program");
  fs::remove(path());
  const hid_t foreign = H5Fcreate(path().c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  H5Fclose(foreign);
  EXPECT_SAYS(refusal(), "another program");
  start().close();
  spill(path(), slurp(file));
  EXPECT_SAYS(refusal(), "not a checkpoint");
  std::string text = "sealed, but no HDF5";
  record::add_seal(text);
  spill(path(), text);
  EXPECT_SAYS(refusal(), path().string());
}

/// The example with one change made through the HDF5 library, sealed again.
template <typename Change>
std::string changed(const Change& change) {
  return record::hdf5::building([&] {
    const record::hdf5::Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "creating properties");
    H5Pset_fapl_core(access, std::size_t{1} << 20, false);
    std::string bytes = image(example());
    H5Pset_file_image(access, bytes.data(), bytes.size());
    const record::hdf5::Handle opened(H5Fopen("changed", H5F_ACC_RDWR, access), H5Fclose, "opening");
    change(static_cast<hid_t>(opened));
    return record::hdf5::sealed_image(opened);
  });
}

TEST_F(CheckpointTest, WhatNoCheckpointHoldsIsRefused) {
  spill(path(), changed([](hid_t) {}));
  EXPECT_EQ(read(path()).state.tensors, example().state.tensors);
  spill(path(), changed([](hid_t f) {
          H5Adelete(f, "checkpoint_version");
          record::hdf5::write_attribute(f, "checkpoint_version", std::int64_t{99});
        }));
  EXPECT_SAYS(refusal(), "checkpoint of version 99, but this program reads version 3");
  spill(path(), changed([](hid_t f) { H5Adelete(f, "step"); }));
  EXPECT_SAYS(refusal(), "no attribute step");
  spill(path(), changed([](hid_t f) {
          H5Adelete(f, "loss_scale");
          record::hdf5::write_attribute(f, "loss_scale", std::string("big"));
        }));
  EXPECT_SAYS(refusal(), "no attribute loss_scale");
  for (const char* group : {"totals", "evaluation", "record", "figures", "provenance", "exponents"}) {
    spill(path(), changed([&](hid_t f) { H5Ldelete(f, group, H5P_DEFAULT); }));
    EXPECT_SAYS(refusal(), group);
  }
  spill(path(), changed([](hid_t f) { H5Ldelete(f, "/exponents/conv/errors.all", H5P_DEFAULT); }));
  EXPECT_EQ(read(path()).state.controllers.size(), 1u) << "the run that goes on sees what is missing";
  spill(path(), changed([](hid_t f) {
          H5Lmove(f, "/exponents/conv/errors.all", f, "/exponents/conv/errors", H5P_DEFAULT, H5P_DEFAULT);
        }));
  EXPECT_SAYS(refusal(), "/exponents/conv/errors names no role and use");
  spill(path(), changed([](hid_t f) { H5Adelete_by_name(f, "/exponents/conv/errors.all", "format", H5P_DEFAULT); }));
  EXPECT_SAYS(refusal(), "no attribute format");
  spill(path(), changed([](hid_t f) {
          H5Lmove(f, "/parameters/conv/weight", f, "/exponents/conv/a.b", H5P_DEFAULT, H5P_DEFAULT);
        }));
  EXPECT_SAYS(refusal(), "/exponents/conv/a.b is no tensor of float64");
  spill(path(), changed([](hid_t f) { H5Lcreate_soft("/parameters", f, "more", H5P_DEFAULT, H5P_DEFAULT); }));
  EXPECT_SAYS(refusal(), "link to somewhere else");
  spill(path(), changed([](hid_t f) { H5Lcreate_external("/etc/passwd", "/", f, "x", H5P_DEFAULT, H5P_DEFAULT); }));
  EXPECT_SAYS(refusal(), "link to somewhere else");
  const auto with_dataset = [](hid_t type, std::vector<hsize_t> extents) {
    return changed([&](hid_t f) {
      const hid_t space = extents.empty() ? H5Screate(H5S_SCALAR)
                                          : H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr);
      const hid_t dataset = H5Dcreate2(f, "/parameters/conv/more", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
      H5Dclose(dataset);
      H5Sclose(space);
    });
  };
  spill(path(), with_dataset(H5T_IEEE_F64LE, {2}));
  EXPECT_SAYS(refusal(), "/parameters/conv/more is no tensor of float32");
  spill(path(), with_dataset(H5T_IEEE_F32LE, {}));
  EXPECT_SAYS(refusal(), "no tensor");
  for (const hsize_t huge : {hsize_t{1} << 24, hsize_t{1} << 40, hsize_t{1} << 58}) {
    spill(path(), with_dataset(H5T_IEEE_F32LE, {huge, 8}));
    EXPECT_SAYS(refusal(), "more values than the file can hold");
  }
}

TEST_F(CheckpointTest, TensorsThatTogetherClaimMoreThanTheFileAreRefused) {
  const hsize_t size = image(example()).size() / sizeof(float) * 2 / 3;
  spill(path(), changed([&](hid_t f) {
          for (const char* name : {"/parameters/conv/one", "/parameters/conv/two"}) {
            const hid_t space = H5Screate_simple(1, &size, nullptr);
            H5Dclose(H5Dcreate2(f, name, H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
            H5Sclose(space);
          }
        }));
  EXPECT_SAYS(refusal(), "more values than the file can hold");
}

TEST_F(CheckpointTest, PlainHdf5ReadsTheWeights) {
  write(path(), example());
  const hid_t opened = H5Fopen(path().c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  ASSERT_GE(opened, 0);
  const hid_t dataset = H5Dopen2(opened, "/momentum/conv/weight", H5P_DEFAULT);
  float values[4] = {};
  EXPECT_GE(H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), 0);
  EXPECT_EQ(values[3], 4.0f);
  H5Dclose(dataset);
  H5Fclose(opened);
}

TEST_F(CheckpointTest, ReplacementIsWholeOrNotAtAll) {
  write(path(), example());
  const std::string before = slurp(path());
  fs::create_directory(record::partial_path(path()));
  Checkpoint next = example();
  next.state.step = 13;
  EXPECT_SAYS(user_error([&] { write(path(), next); }), "run.checkpoint.h5.partial");
  EXPECT_EQ(slurp(path()), before);
  fs::remove(record::partial_path(path()));
  write(path(), next);
  EXPECT_EQ(read(path()).state.step, 13);
}

}  // namespace
}  // namespace precsim::checkpoint
