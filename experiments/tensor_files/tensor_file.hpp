// Tensors in files of other programs: .npy, .npz, .safetensors and HDF5, read as FP32 piece by piece.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace precsim::tensor_files {

/// `other`: listed, but not readable (integers, bool, complex, texts).
enum class ElementType : std::uint8_t { float16, bfloat16, float32, float64, float8_e4m3fn, float8_e5m2, other };

struct TensorEntry {
  std::string name;                 ///< UTF-8, unique in its file; in HDF5 the path, without the first '/'
  std::vector<std::int64_t> shape;  ///< empty for a scalar
  ElementType type = ElementType::other;
  std::string type_text;  ///< "bfloat16", "int64"

  /// Number of elements; every reader has made sure that it and the bytes fit an int64.
  std::int64_t size() const;
};

/// One opened file. Its data stay in the file: memory is a few buffers, whatever the sizes. Not thread-safe.
class TensorFile {
 public:
  TensorFile() = default;
  TensorFile(const TensorFile&) = delete;
  TensorFile& operator=(const TensorFile&) = delete;
  virtual ~TensorFile() = default;

  /// In file order.
  virtual const std::vector<TensorEntry>& tensors() const = 0;

  /// Elements [first, first + out.size()) of tensor i in C order as FP32. float64 is rounded to nearest even (values
  /// beyond FP32 become infinite), the others are exact. Fastest in rising order: compressed members are inflated from
  /// their start when it goes back, and arrays in Fortran order are turned a band of rows at a time.
  virtual void read(std::size_t i, std::int64_t first, std::span<float> out) = 0;
};

/// Opens by content, not by suffix. Sizes, offsets and names are checked against what the file really has before any
/// of it is believed. UserError tells what is wrong with a file that is not one of these.
std::unique_ptr<TensorFile> open_tensor_file(const std::filesystem::path& file);

/// The tensors whose names match, in file order. * ? and [..] as in a shell; '/' and '.' are ordinary characters.
std::vector<std::size_t> matching_tensors(const TensorFile& file, std::string_view glob);

}  // namespace precsim::tensor_files
