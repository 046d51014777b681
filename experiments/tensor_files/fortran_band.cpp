// Turning of Fortran order; see fortran_band.hpp.
#include "experiments/tensor_files/fortran_band.hpp"

#include <algorithm>
#include <utility>

#include "experiments/tensor_files/elements.hpp"

namespace precsim::tensor_files {
namespace {

constexpr std::int64_t least_window = std::int64_t{1} << 14;
constexpr std::int64_t most_window = std::int64_t{1} << 18;

/// Elements in the order of the file, decoded a window at a time.
class Window {
 public:
  Window(ByteStore& store, std::size_t index, const StoredTensor& tensor)
      : store_(store), index_(index), tensor_(tensor), size_(tensor.entry.size()) {}

  /// Element `at`; `expected` more are wanted from there on.
  float operator()(std::int64_t at, std::int64_t expected) {
    if (at < first_ || at >= first_ + static_cast<std::int64_t>(values_.size())) {
      load(at, std::min(std::clamp(expected, least_window, most_window), size_ - at));
    }
    return values_[static_cast<std::size_t>(at - first_)];
  }

 private:
  void load(std::int64_t first, std::int64_t count) {
    const std::size_t width = element_width(tensor_.entry.type);
    bytes_.resize(static_cast<std::size_t>(count) * width);
    store_.read(index_, static_cast<std::uint64_t>(first) * width, bytes_);
    values_.resize(static_cast<std::size_t>(count));
    decode_elements(tensor_.entry.type, tensor_.big_endian, bytes_, values_);
    first_ = first;
  }

  ByteStore& store_;
  std::size_t index_;
  const StoredTensor& tensor_;
  std::int64_t size_;
  std::int64_t first_ = 0;
  std::vector<std::byte> bytes_;
  std::vector<float> values_;
};

}  // namespace

void FortranBand::read(ByteStore& store, std::size_t index, const StoredTensor& tensor, std::int64_t first,
                       std::span<float> out) {
  while (!out.empty()) {
    const auto end = first_ + static_cast<std::int64_t>(values_.size());
    if (index != tensor_ || first < first_ || first >= end) {
      fill(store, index, tensor, first);
      continue;
    }
    const std::size_t count = std::min(out.size(), static_cast<std::size_t>(end - first));
    std::copy_n(values_.begin() + (first - first_), count, out.begin());
    first += static_cast<std::int64_t>(count);
    out = out.subspan(count);
  }
}

void FortranBand::fill(ByteStore& store, std::size_t index, const StoredTensor& tensor, std::int64_t first) {
  const std::vector<std::int64_t>& shape = tensor.entry.shape;
  const std::size_t rank = shape.size();
  std::vector<std::int64_t> c_stride(rank, 1);
  std::vector<std::int64_t> file_stride(rank, 1);
  for (std::size_t axis = rank; axis-- > 1;) c_stride[axis - 1] = c_stride[axis] * shape[axis];
  for (std::size_t axis = 1; axis < rank; ++axis) file_stride[axis] = file_stride[axis - 1] * shape[axis - 1];

  std::size_t cut = 0;
  while (c_stride[cut] > most_elements_) ++cut;
  const std::int64_t from = first / c_stride[cut] % shape[cut];
  const std::int64_t rows = std::min(shape[cut] - from, std::max<std::int64_t>(1, most_elements_ / c_stride[cut]));
  std::int64_t base = from * file_stride[cut];
  for (std::size_t axis = 0; axis < cut; ++axis) base += first / c_stride[axis] % shape[axis] * file_stride[axis];

  tensor_ = index;
  first_ = first / c_stride[cut] * c_stride[cut];
  values_.clear();  // stays so when reading fails
  std::vector<float> values(static_cast<std::size_t>(rows * c_stride[cut]));
  Window window(store, index, tensor);
  std::vector<std::int64_t> at(rank, 0);  // of the axes behind `cut`; the one next to it runs fastest, as in the file
  std::int64_t to = 0;
  for (std::size_t axis = cut; axis < rank;) {
    for (std::int64_t row = 0; row < rows; ++row) {
      const std::int64_t ahead = (rows - 1 - row) * file_stride[cut] + 1;
      values[static_cast<std::size_t>(to + row * c_stride[cut])] = window(base + row * file_stride[cut], ahead);
    }
    for (axis = cut + 1; axis < rank; ++axis) {
      to += c_stride[axis];
      base += file_stride[axis];
      if (++at[axis] < shape[axis]) break;
      to -= c_stride[axis] * shape[axis];
      base -= file_stride[axis] * shape[axis];
      at[axis] = 0;
    }
  }
  values_ = std::move(values);
}

}  // namespace precsim::tensor_files
