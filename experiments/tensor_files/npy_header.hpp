// The header of .npy: format versions 1 to 3 (NumPy Enhancement Proposal 1 and numpy.lib.format).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "experiments/tensor_files/stored_tensors.hpp"

namespace precsim::tensor_files {

struct NpyHeader {
  StoredTensor tensor;            ///< without a name
  std::uint64_t data_offset = 0;  ///< of the elements, from the magic bytes
  std::size_t width = 0;          ///< bytes per element; 0 where `descr` does not tell (structures)
  bool pickled = false;           ///< dtype object: Python objects, which only Python can read
};

/// Up to `size` bytes from `offset` on, fewer at the end.
using ReadBytes = std::function<std::string(std::uint64_t offset, std::size_t size)>;

/// Reads and checks the header of an array of `size` bytes in all; UserError for `file`, `what` being the array in it.
/// Types beyond numpy's own are known where ml_dtypes gives them a `descr` of their own: '<V2' is bfloat16 and '<f1'
/// float8_e5m2; its other 8-bit types share '<V1' and are listed as `other`.
NpyHeader read_npy_header(const ReadBytes& read, std::uint64_t size, const std::filesystem::path& file,
                          const std::string& what);

/// The header of version 1.0 for an array in C order, a multiple of 64 bytes long, as numpy writes it.
std::string make_npy_header(std::string_view descr, std::span<const std::int64_t> shape);

}  // namespace precsim::tensor_files
