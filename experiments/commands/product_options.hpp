// What `precsim gemm` and `precsim conv` have in common: options, and how a run of them ends.
#pragma once

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

/// The product that a command line asks for.
struct ShapeAndPass {
  kernels::ConvShape shape;
  kernels::Pass pass = kernels::Pass::forward;
  std::string text;  ///< the product in words
};

/// The whole command: `shape_of` reads its own options, and raises UserError.
cli::ExitCode run_product_command(const cli::Command& command, ShapeAndPass (*shape_of)(const cli::Arguments&),
                                  std::span<const std::string> arguments, cli::Streams& streams);

}  // namespace precsim::experiments
