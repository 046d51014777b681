// Reading of arrays in Fortran order in C order, a band at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "experiments/tensor_files/stored_tensors.hpp"

namespace precsim::tensor_files {

/// A range of elements in C order, turned from Fortran order: whole slices of the first axis that slices of a limited
/// size are left of, so that memory stays small and one pass through the file fills a band.
class FortranBand {
 public:
  explicit FortranBand(std::int64_t elements = std::int64_t{1} << 23) : most_elements_(elements) {}

  /// Copies from the band whose tensor and range fit, which is read when it is not there yet.
  void read(ByteStore& store, std::size_t index, const StoredTensor& tensor, std::int64_t first, std::span<float> out);

 private:
  void fill(ByteStore& store, std::size_t index, const StoredTensor& tensor, std::int64_t first);

  std::int64_t most_elements_;
  std::size_t tensor_ = 0;
  std::int64_t first_ = 0;
  std::vector<float> values_;
};

}  // namespace precsim::tensor_files
