// precsim gemm
#include <fmt/format.h>

#include "experiments/commands/commands.hpp"
#include "experiments/commands/product_options.hpp"
#include "formats/error.hpp"

namespace precsim::experiments {
namespace {

const cli::Command command{
    .name = "gemm",
    .summary = "Multiplies two generated matrices: C[M x N] = A[M x K] B[N x K]^T.",
    .options = product_options({{.name = "shape", .argument = "MxNxK", .meaning = "the sizes; or one by one:"},
                                {.name = "m", .argument = "M", .meaning = "rows of A and C"},
                                {.name = "n", .argument = "N", .meaning = "rows of B, columns of C"},
                                {.name = "k", .argument = "K", .meaning = "columns of A and B, the reduction"}}),
    .example = "precsim gemm --shape 256x256x512 --accumulator int32:chain=64 --engine check"};

constexpr std::int64_t largest_size = std::int64_t{1} << 31;

ShapeAndPass shape_of(const cli::Arguments& arguments) {
  constexpr std::string_view names[] = {"m", "n", "k"};
  std::vector<std::int64_t> sizes;
  if (const auto text = arguments.value("shape")) {
    sizes = parse_sizes("shape", "MxNxK", *text);
  }
  for (const std::string_view name : names) {
    if (arguments.has(name) == arguments.has("shape")) {
      throw UserError("give the sizes either as --shape MxNxK or as all of --m M, --n N and --k K");
    }
    if (!arguments.has("shape")) {
      sizes.push_back(arguments.integer(name, 0, 1, largest_size));
    }
  }
  return {kernels::ConvShape::gemm(sizes[0], sizes[1], sizes[2]), kernels::Pass::forward,
          fmt::format("gemm {}x{}x{}", sizes[0], sizes[1], sizes[2])};
}

}  // namespace

cli::ExitCode run_gemm(std::span<const std::string> arguments, cli::Streams& streams) {
  return run_product_command(command, shape_of, arguments, streams);
}

}  // namespace precsim::experiments
