// Where everything lies in a file that is to be written: one function per container.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/tensor_files/tensor_writer.hpp"

namespace precsim::tensor_files {

/// What a container calls a storage type; empty where it has no such type.
struct StorageRow {
  StorageType type;
  std::size_t width;
  std::string_view npy;
  std::string_view safetensors;
};
const StorageRow& storage_row(StorageType type);

std::uint64_t data_bytes(const TensorSpec& tensor);

/// Bytes that are known, and their place.
struct Piece {
  std::uint64_t offset = 0;
  std::string bytes;
};

struct Layout {
  std::vector<Piece> pieces;
  /// Of each tensor's data.
  std::vector<std::uint64_t> offsets;
  /// Of each tensor, the CRC-32 of what belongs before its data; empty where checksums are not needed.
  std::vector<std::uint32_t> checksums = {};
  /// What is known only once all checksums are complete; empty where there is nothing.
  std::function<std::vector<Piece>(std::span<const std::uint32_t> checksums)> finish = {};
};

Layout lay_out_npy(const std::filesystem::path& file, const TensorSpec& tensor);
/// Stored members, as numpy.savez writes them, without times; zip64 where sizes ask for it.
Layout lay_out_npz(const std::filesystem::path& file, std::span<const TensorSpec> tensors);
Layout lay_out_safetensors(const std::filesystem::path& file, std::span<const TensorSpec> tensors);
/// Creates `partial` with the HDF5 library, datasets contiguous and without their data: names are paths, groups are
/// made as needed. The data are plain writes, so that a full disk does not meet HDF5 halfway.
Layout lay_out_hdf5(const std::filesystem::path& file, const std::filesystem::path& partial,
                    std::span<const TensorSpec> tensors);

}  // namespace precsim::tensor_files
