// Operands from files of tensors, and the order of their axes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "experiments/product/operand.hpp"
#include "experiments/tensor_files/tensor_file.hpp"

namespace precsim::product {

/// The tensor whose axis i is axis order[i] of the given one; both in C order.
std::vector<float> permuted(std::span<const float> values, std::span<const std::int64_t> shape,
                            std::span<const std::size_t> order);

/// One tensor of a file, read when the product is built.
class FileOperand : public OperandSource {
 public:
  /// `name` may be empty where the file has one tensor of a float type. UserError, beginning with `what`, for a file
  /// without such a tensor, and unless it has as many axes as `order`.
  FileOperand(const std::string& what, const std::string& path, const std::string& name,
              std::vector<std::size_t> order);

  std::string name() const override;
  std::string_view kind() const override { return "tensor"; }
  SourceTensor tensor(const OperandRequest& request) const override;

  /// With the axes as the product has them.
  std::vector<std::int64_t> shape() const { return shape(order_); }
  /// With axis i of the file's axis order[i].
  std::vector<std::int64_t> shape(std::span<const std::size_t> order) const;

 private:
  const tensor_files::TensorEntry& entry() const { return file_->tensors()[index_]; }

  std::string path_;
  std::unique_ptr<tensor_files::TensorFile> file_;
  std::size_t index_ = 0;
  std::vector<std::size_t> order_;
};

}  // namespace precsim::product
