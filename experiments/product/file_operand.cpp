// Operands from files; see file_operand.hpp.
#include "experiments/product/file_operand.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "formats/error.hpp"
#include "formats/words.hpp"

namespace precsim::product {
namespace {

std::size_t choose(const tensor_files::TensorFile& file, const std::string& what, const std::string& path,
                   const std::string& name) {
  constexpr std::size_t most_names = 8;
  std::vector<std::string> names;
  std::vector<std::string_view> all;
  std::vector<std::size_t> readable;
  for (std::size_t i = 0; i < file.tensors().size(); ++i) {
    const tensor_files::TensorEntry& entry = file.tensors()[i];
    if (entry.name == name && !name.empty()) return i;
    if (entry.type == tensor_files::ElementType::other) continue;
    readable.push_back(i);
    all.push_back(entry.name);
    if (names.size() < most_names) names.push_back(formats::quote(entry.name));
  }
  if (name.empty() && readable.size() == 1) return readable.front();
  if (readable.empty()) throw UserError(fmt::format("{}: {} has no tensor of a float type", what, path));
  const std::string list = fmt::format("{}{}", fmt::join(names, ", "), readable.size() > most_names ? ", ..." : "");
  throw UserError(name.empty() ? fmt::format("{}: {} has {} tensors of a float type; say which: {}", what, path,
                                             readable.size(), list)
                               : fmt::format("{}: {} has no tensor {}{}; it has {}", what, path, formats::quote(name),
                                             formats::hint(name, all), list));
}

}  // namespace

std::vector<float> permuted(std::span<const float> values, std::span<const std::int64_t> shape,
                            std::span<const std::size_t> order) {
  const std::size_t rank = shape.size();
  std::vector<std::int64_t> strides(rank, 1);
  for (std::size_t axis = rank; axis-- > 1;) strides[axis - 1] = strides[axis] * shape[axis];
  std::vector<std::int64_t> at(rank, 0);
  std::vector<float> result(values.size());
  std::int64_t from = 0;
  for (float& element : result) {
    element = values[static_cast<std::size_t>(from)];
    for (std::size_t axis = rank; axis-- > 0;) {
      const std::size_t source = order[axis];
      from += strides[source];
      if (++at[axis] < shape[source]) break;
      from -= strides[source] * shape[source];
      at[axis] = 0;
    }
  }
  return result;
}

FileOperand::FileOperand(const std::string& what, const std::string& path, const std::string& name,
                         std::vector<std::size_t> order)
    : path_(path), file_(tensor_files::open_tensor_file(path)), order_(std::move(order)) {
  index_ = choose(*file_, what, path, name);
  if (entry().shape.size() != order_.size()) {
    throw UserError(fmt::format("{}: {} has the shape [{}], and {} axes are needed", what, this->name(),
                                fmt::join(entry().shape, ", "), order_.size()));
  }
  if (entry().size() == 0) {
    throw UserError(fmt::format("{}: {} has the shape [{}], and no elements to multiply", what, this->name(),
                                fmt::join(entry().shape, ", ")));
  }
}

std::string FileOperand::name() const {
  return fmt::format("{} of {}", formats::quote(entry().name), path_);
}

SourceTensor FileOperand::tensor(const OperandRequest& request) const {
  PRECSIM_CHECK(request.size == entry().size(), name());
  SourceTensor tensor;
  tensor.values.resize(static_cast<std::size_t>(request.size));
  file_->read(index_, 0, tensor.values);
  if (!std::is_sorted(order_.begin(), order_.end())) tensor.values = permuted(tensor.values, entry().shape, order_);
  return tensor;
}

std::vector<std::int64_t> FileOperand::shape(std::span<const std::size_t> order) const {
  std::vector<std::int64_t> shape;
  for (const std::size_t axis : order) shape.push_back(entry().shape[axis]);
  return shape;
}

}  // namespace precsim::product
