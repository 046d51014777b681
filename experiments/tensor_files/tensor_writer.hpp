// Writing tensors to .npy, .npz, .safetensors and HDF5, piece by piece.
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

enum class StorageType : std::uint8_t {
  float16,
  bfloat16,
  float32,
  float64,
  float8_e4m3fn,
  float8_e5m2,
  int8,
  int16,
  int32,
  uint8,
  uint16,
  uint32
};
std::size_t storage_width(StorageType type);

struct TensorSpec {
  std::string name;
  std::vector<std::int64_t> shape;
  StorageType type = StorageType::float32;
};

enum class Container : std::uint8_t { npy, npz, safetensors, hdf5 };

/// By suffix: .npy .npz .safetensors .h5 .hdf5. UserError for others, listing these.
Container container_of(const std::filesystem::path& file);

/// Whether the container has the type for every reader: bfloat16 and the 8-bit floats are safetensors' only.
bool has_storage(Container container, StorageType type);

/// A file of tensors that appears whole or not at all: everything is written beside it and renamed by commit(); what
/// was not committed is removed. Places are fixed by the specs, so tensors may be written in turns, and memory is what
/// the caller passes. UserError for what the container cannot hold (.npy: more than one tensor) and for a full disk.
class TensorWriter {
 public:
  /// Names must be distinct.
  TensorWriter(const std::filesystem::path& file, std::vector<TensorSpec> tensors);
  TensorWriter(const TensorWriter&) = delete;
  TensorWriter& operator=(const TensorWriter&) = delete;
  ~TensorWriter();

  /// The next elements of tensor i in C order, little-endian.
  void write(std::size_t i, std::span<const std::byte> bytes);

  /// Once every element of every tensor is written.
  void commit();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace precsim::tensor_files
