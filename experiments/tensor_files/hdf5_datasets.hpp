// The datasets of an HDF5 file, listed and read with the HDF5 library. Runs in the child process of hdf5_file.cpp only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "experiments/record/hdf5.hpp"
#include "experiments/tensor_files/stored_tensors.hpp"

namespace precsim::tensor_files {

class Hdf5Datasets {
 public:
  /// Opens the file and walks all its groups; what a link outside the file leads to is not visited. Raises UserError or
  /// record::hdf5::Failure.
  explicit Hdf5Datasets(const std::filesystem::path& file);

  /// By name, groups before what is in them.
  const std::vector<StoredTensor>& tensors() const { return tensors_; }

  /// Elements [first, first + count) in C order, as stored. Raises like the constructor.
  std::string read(std::size_t tensor, std::uint64_t first, std::uint64_t count);

 private:
  struct Opened {
    std::size_t tensor;
    record::hdf5::Handle dataset;
    record::hdf5::Handle type;
    record::hdf5::Handle space;
  };
  const Opened& open(std::size_t tensor);

  record::hdf5::Handle file_;
  std::vector<StoredTensor> tensors_;
  std::optional<Opened> opened_;
};

}  // namespace precsim::tensor_files
