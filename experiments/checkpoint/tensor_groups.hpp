// Named tensors in an HDF5 file, /KIND/LAYER/NAME, one float32 dataset each; states of exponent controllers likewise.
#pragma once

#include <hdf5.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "sim/nn/training_state.hpp"

namespace precsim::checkpoint {

/// Datasets of the tensors' shapes, little-endian float32, contiguous, without times. Failure as in record/hdf5.hpp.
void write_tensors(hid_t file, std::span<const nn::StateTensor> tensors);

/// Every tensor of the file, by path; the groups of "/" named in `without` hold none. Failure for anything in their
/// place that write_tensors() does not write, and for tensors of more bytes in all than `file_bytes`.
std::vector<nn::StateTensor> read_tensors(hid_t file, std::span<const std::string_view> without,
                                          std::uint64_t file_bytes);

inline constexpr std::string_view exponents_group = "exponents";

/// "/exponents/LAYER/ROLE.USE", one-dimensional float64 with the attribute `format`; the group is there in any case.
void write_controllers(hid_t file, std::span<const nn::ControlState> states);
/// The inverse, with at most `file_bytes` bytes; Failure for anything else in the group.
std::vector<nn::ControlState> read_controllers(hid_t file, std::uint64_t file_bytes);

}  // namespace precsim::checkpoint
