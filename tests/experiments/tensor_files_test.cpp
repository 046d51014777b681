// Readers of tensor files: what good files hold, and what is said of bad ones.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hdf5.h>
#include <unistd.h>
#include <zip.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <numeric>

#include "experiments/record/bytes.hpp"
#include "experiments/tensor_files/fortran_band.hpp"
#include "experiments/tensor_files/npy_header.hpp"
#include "experiments/tensor_files/tensor_file.hpp"
#include "tests/experiments/cli_support.hpp"

namespace precsim::tensor_files {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using tests::error_of;

class TensorFiles : public ::testing::Test {
 protected:
  TensorFiles() {
    std::string pattern = (fs::temp_directory_path() / "precsim_tensors_XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no folder");
    folder_ = pattern;
  }
  ~TensorFiles() override { fs::remove_all(folder_); }

  fs::path path(const std::string& name) const { return folder_ / name; }
  fs::path write(const std::string& name, std::string_view bytes) const {
    std::ofstream(path(name), std::ios::binary | std::ios::trunc).write(bytes.data(), static_cast<long>(bytes.size()));
    return path(name);
  }
  std::string refusal(const std::string& bytes) const {
    return error_of([&] { open_tensor_file(write("bad", bytes)); });
  }

  /// An archive as numpy.savez writes it.
  fs::path write_npz(const std::vector<std::pair<std::string, std::string>>& members, zip_int32_t method) const {
    const fs::path file = path("a.npz");
    fs::remove(file);
    int error = 0;
    zip_t* archive = zip_open(file.c_str(), ZIP_CREATE, &error);
    for (const auto& [name, bytes] : members) {
      zip_source_t* source = zip_source_buffer(archive, bytes.data(), bytes.size(), 0);
      const zip_int64_t index = zip_file_add(archive, name.c_str(), source, ZIP_FL_ENC_UTF_8);
      zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), method, 0);
    }
    EXPECT_EQ(zip_close(archive), 0);
    return file;
  }

  fs::path folder_;
};

template <typename Value>
std::string bytes_of(const std::vector<Value>& values, bool big_endian = false) {
  std::string bytes;
  for (const Value value : values) {
    std::string one(sizeof(Value), '\0');
    std::memcpy(one.data(), &value, sizeof(Value));
    bytes += big_endian ? std::string(one.rbegin(), one.rend()) : one;
  }
  return bytes;
}

std::string npy(const std::string& header, std::string_view data, int version = 1) {
  std::string bytes = "\x93NUMPY";
  bytes += {static_cast<char>(version), '\0'};
  record::append_integer(bytes, header.size(), version == 1 ? 2 : 4);
  return bytes + header + std::string(data);
}

std::string npy(const std::string& descr, const std::string& shape, std::string_view data) {
  return npy("{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }\n", data);
}

std::string safetensors(const std::string& header, std::string_view data) {
  std::string bytes;
  record::append_integer(bytes, header.size(), 8);
  return bytes + header + std::string(data);
}

std::vector<float> all(TensorFile& file, std::size_t i = 0) {
  std::vector<float> values(static_cast<std::size_t>(file.tensors().at(i).size()));
  file.read(i, 0, values);
  return values;
}

const std::vector<float> few = {1.5f, -0.0f, 65504.0f, -0x1p-14f};

TEST_F(TensorFiles, NpyOfEveryTypeOrderAndVersion) {
  const std::vector<std::uint16_t> half = {0x3e00, 0x8000, 0x7bff, 0x8400};
  const std::vector<double> wide(few.begin(), few.end());
  std::size_t cases = 0;
  const auto expect = [&](const std::string& bytes, const std::string& type) {
    const auto file = open_tensor_file(write("x.npy", bytes));
    ASSERT_EQ(file->tensors().size(), 1u);
    EXPECT_EQ(file->tensors()[0].name, "x");
    EXPECT_EQ(file->tensors()[0].type_text, type);
    EXPECT_THAT(file->tensors()[0].shape, ElementsAre(2, 2));
    EXPECT_EQ(bytes_of(all(*file)), bytes_of(few)) << type;
    ++cases;
  };
  for (const bool big : {false, true}) {
    const std::string order = big ? ">" : "<";
    expect(npy(order + "f2", "(2, 2)", bytes_of(half, big)), "float16");
    expect(npy(order + "f4", "(2, 2)", bytes_of(few, big)), "float32");
    expect(npy(order + "f8", "(2, 2)", bytes_of(wide, big)), "float64");
  }
  const std::string header = "{\"shape\": (2L,2L),\"fortran_order\":False , 'descr':'<f4'}";
  for (const int version : {1, 2, 3}) expect(npy(header, bytes_of(few), version), "float32");
  EXPECT_EQ(cases, 9u);
}

TEST_F(TensorFiles, TypesOfMlDtypes) {
  const auto brain = open_tensor_file(write("x.npy", npy("<V2", "(2,)", bytes_of<std::uint16_t>({0x3fc0, 0xff80}))));
  EXPECT_EQ(brain->tensors()[0].type, ElementType::bfloat16);
  EXPECT_THAT(all(*brain), ElementsAre(1.5f, -INFINITY));
  const auto small = open_tensor_file(write("x.npy", npy("<f1", "(2,)", bytes_of<std::uint8_t>({0x3e, 0xfb}))));
  EXPECT_EQ(small->tensors()[0].type, ElementType::float8_e5m2);
  EXPECT_THAT(all(*small), ElementsAre(1.5f, -57344.0f));
  const auto raw = open_tensor_file(write("x.npy", npy("|V2", "(1,)", "ab")));
  EXPECT_EQ(raw->tensors()[0].type, ElementType::other);
}

TEST_F(TensorFiles, Float64IsRoundedOnceToNearestEven) {
  const std::vector<double> values = {1 + 0x1p-24, 1 + 0x1.8p-23, 1e300,
                                      -1e-300,     0x1p-149,      std::numeric_limits<double>::quiet_NaN()};
  const auto file = open_tensor_file(write("x.npy", npy("<f8", "(6,)", bytes_of(values))));
  const std::vector<float> read = all(*file);
  EXPECT_EQ(bytes_of(std::vector(read.begin(), read.end() - 1)),
            bytes_of(std::vector<float>{1, 1 + 0x1p-22f, INFINITY, -0.0f, 0x1p-149f}));
  EXPECT_TRUE(std::isnan(read.back()));
}

TEST_F(TensorFiles, IntegersAreListedAndNotRead) {
  const auto file = open_tensor_file(write("x.npy", npy("<i8", "(1,)", std::string(8, '\1'))));
  EXPECT_EQ(file->tensors()[0].type, ElementType::other);
  float one = 0;
  EXPECT_THAT(error_of([&] { file->read(0, 0, std::span(&one, 1)); }), AllOf(HasSubstr("int64"), HasSubstr("float16")));
}

/// Element (i, j, ...) is its index in C order.
std::string fortran_npy(const std::vector<std::int64_t>& shape) {
  const std::int64_t size = std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
  std::vector<float> values(static_cast<std::size_t>(size));
  std::string text;
  for (const std::int64_t extent : shape) text += std::to_string(extent) + ",";
  for (std::int64_t c = 0; c < size; ++c) {
    std::int64_t rest = c;
    std::int64_t at = 0;
    for (std::size_t axis = shape.size(); axis-- > 0; rest /= shape[axis]) at = at * shape[axis] + rest % shape[axis];
    // `at` folds the last axis first, so it counts with the first axis fastest.
    values[static_cast<std::size_t>(at)] = static_cast<float>(c);
  }
  return npy("{'descr': '<f4', 'fortran_order': True, 'shape': (" + text + ")}", bytes_of(values));
}

TEST_F(TensorFiles, FortranOrderComesInCOrder) {
  const std::vector<std::vector<std::int64_t>> shapes = {{5},    {3, 4}, {7, 2, 5}, {2, 3, 4, 5},
                                                         {1, 9}, {9, 1}, {70, 80},  {2, 9000}};
  for (const std::vector<std::int64_t>& shape : shapes) {
    const auto file = open_tensor_file(write("x.npy", fortran_npy(shape)));
    std::vector<float> expected(static_cast<std::size_t>(file->tensors()[0].size()));
    std::iota(expected.begin(), expected.end(), 0.0f);
    EXPECT_EQ(all(*file), expected);
  }
}

class BytesInMemory final : public ByteStore {
 public:
  explicit BytesInMemory(std::string bytes) : bytes_(std::move(bytes)) {}
  void read(std::size_t, std::uint64_t offset, std::span<std::byte> out) override {
    ASSERT_LE(offset + out.size(), bytes_.size());
    std::memcpy(out.data(), bytes_.data() + offset, out.size());
  }

 private:
  std::string bytes_;
};

TEST_F(TensorFiles, FortranOrderInSmallBands) {
  for (const std::vector<std::int64_t>& shape :
       {std::vector<std::int64_t>{50, 60}, {7, 20, 5}, {2, 3, 4, 50}, {3, 400}, {90, 1}}) {
    StoredTensor tensor{{"x", shape, ElementType::float32, "float32"}, false, true};
    const auto size = static_cast<std::size_t>(tensor.entry.size());
    const std::string file = fortran_npy(shape);
    BytesInMemory store(file.substr(file.size() - 4 * size));
    for (const std::int64_t elements : {1, 64, 300}) {
      FortranBand band(elements);
      for (const std::size_t step : {std::size_t{1}, std::size_t{37}, size}) {
        for (std::size_t first = 0; first < size; first += step) {
          std::vector<float> values(std::min(step, size - first));
          band.read(store, 0, tensor, static_cast<std::int64_t>(first), values);
          for (std::size_t i = 0; i < values.size(); ++i) ASSERT_EQ(values[i], static_cast<float>(first + i));
        }
      }
    }
  }
}

TEST_F(TensorFiles, NpzStoredAndDeflated) {
  std::vector<float> many(100'000);
  std::iota(many.begin(), many.end(), -5.0f);
  const std::string big = npy("<f4", "(100, 1000)", bytes_of(many));
  for (const zip_int32_t method : {ZIP_CM_STORE, ZIP_CM_DEFLATE}) {
    const auto file =
        open_tensor_file(write_npz({{"gr\xc3\xb6\xc3\x9f"
                                     "e.npy",
                                     npy("<f8", "()", bytes_of<double>({2.5}))},
                                    {"layer/w.npy", big},
                                    {"o.npy", npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", "pickle")}},
                                   method));
    ASSERT_EQ(file->tensors().size(), 3u);
    EXPECT_EQ(file->tensors()[1].name, "layer/w");
    EXPECT_THAT(file->tensors()[2].type_text, HasSubstr("pickled"));
    EXPECT_THAT(all(*file, 0), ElementsAre(2.5f));
    EXPECT_EQ(all(*file, 1), many);
    float one = 0;
    for (const std::int64_t i : {99'999, 5, 70'000, 0}) {
      file->read(1, i, std::span(&one, 1));
      EXPECT_EQ(one, static_cast<float>(i - 5));
    }
  }
}

TEST_F(TensorFiles, DamagedArchives) {
  const std::string array = npy("<f4", "(1000,)", std::string(4000, 'x'));
  std::ifstream stream(write_npz({{"a.npy", array}}, ZIP_CM_STORE), std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(stream), {}};
  std::string changed = whole;
  changed[2000] = 'y';
  const auto file = open_tensor_file(write("changed.npz", changed));
  EXPECT_THAT(error_of([&] { all(*file); }), HasSubstr("'a.npy' is damaged"));
  EXPECT_THAT(refusal(whole.substr(0, 3000)), HasSubstr("archive is damaged"));
  EXPECT_THAT(error_of([&] {
                open_tensor_file(write_npz({{"data.pkl", "x"}}, ZIP_CM_STORE));
              }),
              HasSubstr("PyTorch checkpoint"));
  std::string renamed = whole;
  for (std::size_t at = 0; (at = renamed.find("a.npy", at)) != std::string::npos; ++at) renamed[at] = '\xff';
  EXPECT_THAT(refusal(renamed), HasSubstr("UTF-8"));
}

TEST_F(TensorFiles, BadNpy) {
  const std::string good = npy("<f4", "(2, 2)", bytes_of(few));
  for (std::size_t size = 1; size < good.size(); ++size) EXPECT_NE(refusal(good.substr(0, size)), "") << size;
  EXPECT_THAT(refusal(good + "x"), HasSubstr("needs 16 bytes, and 17 follow"));
  EXPECT_THAT(refusal(npy("|O", "(1,)", "pickle")), HasSubstr("pickled Python objects"));
  for (const char* shape : {"(4611686018427387904, 4)", "(99999999999999999999,)", "(-1, 4)", "(2, 2", "4", "(a,)",
                            "(4294967296, 4294967296, 4294967296, 0)"}) {
    EXPECT_NE(refusal(npy("<f4", shape, bytes_of(few))), "") << shape;
  }
  EXPECT_THAT(refusal(npy("{'descr': '<f4', 'fortran_order': False}", "")), HasSubstr("no shape"));
  EXPECT_THAT(refusal(npy("{'descr': '<f4', 'descr': '<f4'}", "")), HasSubstr("twice"));
  EXPECT_THAT(refusal(npy("{'descr': '<f4', 'fortran_order': 2, 'shape': ()}", "")), HasSubstr("fortran_order"));
  EXPECT_THAT(refusal(npy(std::string(5000, '('), "")), HasSubstr("header"));
  EXPECT_THAT(refusal(npy("{}", "", 4)), HasSubstr("valid are 1 to 3"));
  EXPECT_THAT(refusal(std::string("\x93NUMPY\x02\x00\xff\xff\xff\xff", 12)), HasSubstr("claims 4294967295"));
}

const std::string safe_header =
    R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F8_E4M3","shape":[1,2],"data_offsets":[8,10]},)"
    R"("a":{"dtype":"BF16","shape":[4],"data_offsets":[0,8]},"n":{"shape":[],"dtype":"I64","data_offsets":[10,18]}}  )";

TEST_F(TensorFiles, Safetensors) {
  const std::string data = bytes_of<std::uint16_t>({0x3fc0, 0x8000, 1, 0x7f80}) + "\x3c\x7e" + std::string(8, '\0');
  const auto file = open_tensor_file(write("x.safetensors", safetensors(safe_header, data)));
  ASSERT_EQ(file->tensors().size(), 3u);
  EXPECT_EQ(file->tensors()[0].name, "a");
  EXPECT_EQ(bytes_of(all(*file, 0)), bytes_of(std::vector<float>{1.5f, -0.0f, 0x1p-133f, INFINITY}));
  EXPECT_THAT(file->tensors()[1].shape, ElementsAre(1, 2));
  EXPECT_THAT(all(*file, 1), ElementsAre(1.5f, 448.0f));
  EXPECT_EQ(file->tensors()[2].type_text, "int64");
}

TEST_F(TensorFiles, BadSafetensors) {
  const auto said = [&](const std::string& header, std::size_t bytes) {
    return refusal(safetensors(header, std::string(bytes, '\0')));
  };
  const auto tensors = [](const std::string& a, const std::string& b) {
    return R"({"a":{"dtype":"F32","shape":[2],"data_offsets":)" + a +
           R"(},"b":{"dtype":"F32","shape":[1],"data_offsets":)" + b + "}}";
  };
  EXPECT_EQ(said(tensors("[0,8]", "[8,12]"), 12), "");
  EXPECT_THAT(said(tensors("[0,8]", "[4,8]"), 8), HasSubstr("overlap"));
  EXPECT_THAT(said(tensors("[0,8]", "[12,16]"), 16), HasSubstr("hole"));
  EXPECT_THAT(said(tensors("[0,8]", "[8,12]"), 13), HasSubstr("end at byte 12 of 13"));
  EXPECT_THAT(said(tensors("[0,8]", "[8,12]"), 11), HasSubstr("claims bytes 8 to 12 of 11"));
  EXPECT_THAT(said(tensors("[8,0]", "[8,12]"), 12), HasSubstr("claims bytes"));
  EXPECT_THAT(said(tensors("[0,4]", "[4,8]"), 8), HasSubstr("needs 8 bytes and claims 4"));
  EXPECT_THAT(said(tensors("[0,8,9]", "[8,12]"), 12), HasSubstr("wrong data_offsets"));
  EXPECT_THAT(said(tensors("[-8,8]", "[8,12]"), 12), HasSubstr("wrong data_offsets"));
  EXPECT_THAT(said(R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}})", 0),
              HasSubstr("cannot have the shape"));
  EXPECT_THAT(
      said(
          R"({"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}})",
          0),
      HasSubstr("two tensors have the name 'a'"));
  EXPECT_THAT(said(R"({"a":{"dtype":"F32","dtype":"F32","shape":[0],"data_offsets":[0,0]}})", 0), HasSubstr("twice"));
  EXPECT_THAT(said(R"({"a":{"dtype":"F32","data_offsets":[0,0]}})", 0), HasSubstr("no shape"));
  EXPECT_THAT(said("{\"\xff\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0), HasSubstr("JSON"));
  EXPECT_THAT(said(R"({"a\u0000b":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}})", 0), HasSubstr("UTF-8"));
  EXPECT_NE(said("{" + std::string(100'000, '['), 0), "");
  EXPECT_NE(said("{\"a\":" + std::string(100'000, '{'), 0), "");
  EXPECT_NE(said(R"({"a":{"dtype":{"x":1},"shape":[0],"data_offsets":[0,0]}})", 0), "");
  EXPECT_THAT(error_of([&] { open_tensor_file(write("x.safetensors", std::string(9, '\xff'))); }),
              HasSubstr("claims 18446744073709551615"));
  const std::string good = safetensors(safe_header, std::string(18, '\0'));
  for (std::size_t size = 0; size < good.size(); ++size) EXPECT_NE(refusal(good.substr(0, size)), "") << size;
}

TEST_F(TensorFiles, AFileCutWhileItIsReadIsASentence) {
  const fs::path file = write("x.npy", npy("<f4", "(100000,)", std::string(400'000, 'x')));
  const auto opened = open_tensor_file(file);
  fs::resize_file(file, 1000);
  EXPECT_THAT(error_of([&] { all(*opened); }), HasSubstr("become shorter"));
}

TEST_F(TensorFiles, OtherFilesAreRefusedByWhatTheyAre) {
  EXPECT_THAT(refusal(""), HasSubstr("empty"));
  EXPECT_THAT(refusal("hello, this is text"), HasSubstr(".safetensors"));
  EXPECT_THAT(error_of([&] { open_tensor_file(path("none")); }), HasSubstr("No such file"));
  EXPECT_THAT(error_of([&] { open_tensor_file(folder_); }), HasSubstr("not a regular file"));
  EXPECT_THAT(error_of([&] { open_tensor_file("/dev/zero"); }), HasSubstr("not a regular file"));
}

TEST_F(TensorFiles, GlobsTakeSlashAndDotAsOrdinary) {
  const auto file = open_tensor_file(
      write_npz({{"conv1.weight.npy", npy("<f4", "(0,)", "")}, {"a/.b.npy", npy("<f4", "(0,)", "")}}, ZIP_CM_STORE));
  EXPECT_THAT(matching_tensors(*file, "*"), ElementsAre(0, 1));
  EXPECT_THAT(matching_tensors(*file, "conv[0-9].*"), ElementsAre(0));
  EXPECT_THAT(matching_tensors(*file, "a*b"), ElementsAre(1));
  EXPECT_THAT(matching_tensors(*file, "a??b"), ElementsAre(1));
  EXPECT_TRUE(matching_tensors(*file, "conv").empty());
}

/// A file with a chunked and compressed cube, a big-endian scalar, half precision in a group, a cycle, integers.
void write_hdf5(const fs::path& file, const std::vector<float>& cube) {
  const hid_t opened = H5Fcreate(file.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hsize_t extents[] = {20, 30, 40};
  const hsize_t chunk[] = {7, 11, 13};
  const hid_t space = H5Screate_simple(3, extents, nullptr);
  const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(properties, 3, chunk);
  H5Pset_deflate(properties, 1);
  const hid_t data = H5Dcreate2(opened, "cube", H5T_IEEE_F32LE, space, H5P_DEFAULT, properties, H5P_DEFAULT);
  H5Dwrite(data, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, cube.data());
  const hid_t scalar = H5Screate(H5S_SCALAR);
  const double pi = 3.25;
  const hid_t one = H5Dcreate2(opened, "scalar", H5T_IEEE_F64BE, scalar, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  H5Dwrite(one, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, &pi);
  const hid_t group = H5Gcreate2(opened, "layer", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_hard(opened, "/", group, "up", H5P_DEFAULT, H5P_DEFAULT);
  const hid_t half = H5Tcopy(H5T_IEEE_F32LE);
  H5Tset_fields(half, 15, 10, 5, 0, 10);
  H5Tset_size(half, 2);
  H5Tset_ebias(half, 15);
  const float value = -1.5f;
  const hid_t small = H5Dcreate2(group, "half", half, scalar, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  H5Dwrite(small, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, &value);
  const hsize_t huge[] = {hsize_t{1} << 40};
  const hsize_t huge_chunk[] = {1024};
  const hid_t line = H5Screate_simple(1, huge, nullptr);
  const hid_t empty = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(empty, 1, huge_chunk);
  for (const auto& [name, type] : {std::pair("huge", H5T_IEEE_F32LE), {"integers", H5T_STD_I16LE}}) {
    H5Dclose(H5Dcreate2(opened, name, type, line, H5P_DEFAULT, empty, H5P_DEFAULT));
  }
  for (const hid_t id : {data, one, small}) H5Dclose(id);
  for (const hid_t id : {space, scalar, line}) H5Sclose(id);
  for (const hid_t id : {properties, empty}) H5Pclose(id);
  H5Tclose(half);
  H5Gclose(group);
  H5Fclose(opened);
}

TEST_F(TensorFiles, Hdf5OfAnyRankAndLayout) {
  std::vector<float> cube(20 * 30 * 40);
  std::iota(cube.begin(), cube.end(), 0.5f);
  write_hdf5(path("x.h5"), cube);
  const auto file = open_tensor_file(path("x.h5"));
  std::vector<std::string> names;
  for (const TensorEntry& entry : file->tensors()) names.push_back(entry.name + " " + entry.type_text);
  EXPECT_THAT(names, ElementsAre("cube float32", "huge float32, claiming more data than the file holds",
                                 "integers int16", "layer/half float16", "scalar float64"));
  EXPECT_EQ(all(*file, 0), cube);
  EXPECT_THAT(all(*file, 3), ElementsAre(-1.5f));
  EXPECT_THAT(all(*file, 4), ElementsAre(3.25f));
  for (const std::int64_t first : {0, 1, 39, 40, 1199, 1200, 1234, 22'000}) {
    for (const std::int64_t count : {1, 2, 40, 41, 1200, 1999}) {
      std::vector<float> some(static_cast<std::size_t>(count));
      file->read(0, first, some);
      ASSERT_TRUE(std::equal(some.begin(), some.end(), cube.begin() + first)) << first << " " << count;
    }
  }
}

TEST_F(TensorFiles, DamagedHdf5IsASentenceWhateverTheLibraryDoes) {
  write_hdf5(path("x.h5"), std::vector<float>(20 * 30 * 40, 1.0f));
  std::ifstream stream(path("x.h5"), std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(stream), {}};
  std::size_t refused = 0;
  for (std::size_t at = 8; at < 3000; at += 37) {
    std::string changed = whole;
    changed[at] = static_cast<char>(~changed[at]);
    write("bad.h5", changed);
    const std::string said = error_of([&] {
      const auto file = open_tensor_file(path("bad.h5"));
      for (std::size_t i = 0; i < file->tensors().size(); ++i) {
        if (file->tensors()[i].type != ElementType::other && file->tensors()[i].size() < 100'000) all(*file, i);
      }
    });
    refused += said.empty() ? 0 : 1;
  }
  EXPECT_GE(refused, 5u);
  EXPECT_NE(refusal(whole.substr(0, 400)), "");
}

}  // namespace
}  // namespace precsim::tensor_files
