// precsim conv
#include <fmt/format.h>

#include <algorithm>

#include "experiments/commands/commands.hpp"
#include "experiments/commands/product_options.hpp"
#include "formats/error.hpp"
#include "formats/grammar.hpp"

namespace precsim::experiments {
namespace {

const cli::Command command{
    .name = "conv",
    .summary = "Computes one pass of a convolution of generated tensors.",
    .options = product_options(
        {{.name = "input", .argument = "NxHxWxC", .meaning = "images, their height and width, input channels"},
         {.name = "channels", .argument = "C", .meaning = "output channels"},
         {.name = "filter", .argument = "HxW", .meaning = "height and width of the filters (default: 1x1)"},
         {.name = "stride", .argument = "N", .meaning = "pixels between outputs (default: 1)"},
         {.name = "pad", .argument = "N", .meaning = "zeros around the images (default: 0)"},
         {.name = "groups", .argument = "N", .meaning = "groups of channels (default: 1)"},
         {.name = "pass",
          .argument = "NAME",
          .meaning = "forward (A: input, B: weights; default), input_gradient (errors, weights) or weight_gradient "
                     "(errors, input)"}}),
    .example = "precsim conv --input 2x14x14x32 --channels 48 --filter 3x3 --pad 1 --pass weight_gradient"};

constexpr std::int64_t largest_size = std::int64_t{1} << 31;

kernels::Pass parse_pass(const std::string& text) {
  const auto found = std::find_if(kernels::passes.begin(), kernels::passes.end(),
                                  [&](kernels::Pass pass) { return kernels::name(pass) == text; });
  if (found == kernels::passes.end()) {
    std::vector<std::string> names;
    for (const kernels::Pass pass : kernels::passes) {
      names.emplace_back(kernels::name(pass));
    }
    throw formats::unknown_name("pass", text, text, names);
  }
  return *found;
}

ShapeAndPass shape_of(const cli::Arguments& arguments) {
  if (!arguments.has("input") || !arguments.has("channels")) {
    throw UserError("give at least --input NxHxWxC and --channels C, the output channels");
  }
  const auto input = parse_sizes("input", "NxHxWxC", *arguments.value("input"));
  const auto filter = parse_sizes("filter", "HxW", arguments.value("filter").value_or("1x1"));
  kernels::ConvShape shape;
  shape.n = input[0];
  shape.h = input[1];
  shape.w = input[2];
  shape.ic = input[3];
  shape.oc = arguments.integer("channels", 0, 1, largest_size);
  shape.kh = filter[0];
  shape.kw = filter[1];
  shape.stride = arguments.integer("stride", 1, 1, largest_size);
  shape.pad = arguments.integer("pad", 0, 0, largest_size);
  shape.groups = arguments.integer("groups", 1, 1, largest_size);
  const kernels::Pass pass = parse_pass(arguments.value("pass").value_or("forward"));
  return {shape, pass,
          fmt::format("conv {}, input {}, {} channels, filter {}, stride {}, pad {}, groups {}", kernels::name(pass),
                      *arguments.value("input"), shape.oc, arguments.value("filter").value_or("1x1"), shape.stride,
                      shape.pad, shape.groups)};
}

}  // namespace

cli::ExitCode run_conv(std::span<const std::string> arguments, cli::Streams& streams) {
  return run_product_command(command, shape_of, arguments, streams);
}

}  // namespace precsim::experiments
