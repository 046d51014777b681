// What `precsim gemm` and `precsim conv` have in common: options, and how a run of them ends.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/cli/options.hpp"
#include "experiments/product/product.hpp"

namespace precsim::experiments {

/// `own`, followed by the options of every product.
std::vector<cli::Option> product_options(std::vector<cli::Option> own);

/// "2x3x4" -> {2, 3, 4}. Raises UserError naming `option` unless there are as many sizes as `form` ("MxNxK") has
/// letters, each from 1 to 2^31.
std::vector<std::int64_t> parse_sizes(std::string_view option, std::string_view form, std::string_view text);

using Sizes = std::vector<std::int64_t>;
/// Of the tensors that were given as files, with the axes as the product has them.
using FileShapes = std::array<std::optional<Sizes>, 2>;

/// The product that a command line asks for.
struct ShapeAndPass {
  kernels::ConvShape shape;
  kernels::Pass pass = kernels::Pass::forward;
  std::string text;  ///< the product in words
  /// Of the operands and the result, with as many axes as tensors in files have.
  std::array<Sizes, 2> operands;
  Sizes result;
};

/// Another order in which the axes of files could be meant.
struct OtherOrder {
  std::string option;             ///< that asks for it: "--layout nchw"
  std::vector<std::size_t> axes;  ///< of the operands, as ProductCommand::axes says
};

/// What differs between the commands of products. All functions read the command's own options, and raise UserError.
struct ProductCommand {
  const cli::Command& command;
  ShapeAndPass (*shape_of)(const cli::Arguments&, const FileShapes&);
  /// For operand 0 and 1: which axis of a file's tensor each axis of the product's is; 2: which axis of the result each
  /// axis of the saved tensor is.
  std::vector<std::size_t> (*axes)(const cli::Arguments&, std::size_t tensor);
  /// Of files whose sizes do not fit; may be null.
  OtherOrder (*other_order)(const cli::Arguments&) = nullptr;
};
cli::ExitCode run_product_command(const ProductCommand& command, std::span<const std::string> arguments,
                                  cli::Streams& streams);

}  // namespace precsim::experiments
