// precsim gemm
#include <fmt/format.h>

#include "experiments/commands/commands.hpp"
#include "experiments/commands/product_options.hpp"
#include "formats/error.hpp"

namespace precsim::experiments {
namespace {

const cli::Command command{
    .name = "gemm",
    .summary = "Multiplies two matrices, generated or read from files: C[M x N] = A[M x K] B[N x K]^T.",
    .options = product_options(
        {{.name = "shape", .argument = "MxNxK", .meaning = "the sizes; or one by one, as far as files do not tell:"},
         {.name = "m", .argument = "M", .meaning = "rows of A and C"},
         {.name = "n", .argument = "N", .meaning = "rows of B, columns of C"},
         {.name = "k", .argument = "K", .meaning = "columns of A and B, the reduction"},
         {.name = "transpose-a", .meaning = "the file has A as K x M"},
         {.name = "transpose-b", .meaning = "the file has B as K x N"}}),
    .example = "precsim gemm --shape 256x256x512 --accumulator int32:chain=64 --engine check"};

constexpr std::int64_t largest_size = std::int64_t{1} << 31;

/// M, N, K from --shape or one by one; what is left out comes from the files.
ShapeAndPass shape_of(const cli::Arguments& arguments, const FileShapes& files) {
  constexpr std::string_view names[] = {"m", "n", "k"};
  const std::optional<std::int64_t> in_files[] = {files[0] ? std::optional(files[0]->at(0)) : std::nullopt,
                                                  files[1] ? std::optional(files[1]->at(0)) : std::nullopt,
                                                  files[0]   ? std::optional(files[0]->at(1))
                                                  : files[1] ? std::optional(files[1]->at(1))
                                                             : std::nullopt};
  Sizes sizes;
  if (const auto text = arguments.value("shape")) {
    sizes = parse_sizes("shape", "MxNxK", *text);
  }
  for (std::size_t i = 0; i < std::size(names); ++i) {
    const bool given = arguments.has(names[i]);
    if (arguments.has("shape") ? given : !given && !in_files[i]) {
      throw UserError(
          "give the sizes either as --shape MxNxK or as all of --m M, --n N and --k K that files do not tell");
    }
    if (!arguments.has("shape")) {
      sizes.push_back(given ? arguments.integer(names[i], 0, 1, largest_size) : *in_files[i]);
    }
  }
  const std::int64_t m = sizes[0], n = sizes[1], k = sizes[2];
  return {kernels::ConvShape::gemm(m, n, k),
          kernels::Pass::forward,
          fmt::format("gemm {}x{}x{}", m, n, k),
          {Sizes{m, k}, Sizes{n, k}},
          {m, n}};
}

std::vector<std::size_t> axes(const cli::Arguments& arguments, std::size_t tensor) {
  constexpr std::string_view options[] = {"transpose-a", "transpose-b"};
  constexpr std::string_view files[] = {"file-a", "file-b"};
  for (std::size_t i = 0; i < 2; ++i) {
    if (arguments.has(options[i]) && !arguments.has(files[i])) {
      throw UserError(fmt::format("--{} has no effect without --{}", options[i], files[i]));
    }
  }
  const bool turned = tensor < 2 && arguments.has(options[tensor]);
  return turned ? std::vector<std::size_t>{1, 0} : std::vector<std::size_t>{0, 1};
}

}  // namespace

cli::ExitCode run_gemm(std::span<const std::string> arguments, cli::Streams& streams) {
  return run_product_command({command, shape_of, axes}, arguments, streams);
}

}  // namespace precsim::experiments
