// precsim conv
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "experiments/commands/commands.hpp"
#include "experiments/commands/product_options.hpp"
#include "formats/error.hpp"
#include "formats/grammar.hpp"
#include "formats/words.hpp"

namespace precsim::experiments {
namespace {

const cli::Command command{
    .name = "conv",
    .summary = "Computes one pass of a convolution of tensors, generated or read from files.",
    .options = product_options(
        {{.name = "input",
          .argument = "NxHxWxC",
          .meaning = "images, their height and width, input channels; these three as far as files do not tell"},
         {.name = "channels", .argument = "C", .meaning = "output channels"},
         {.name = "filter", .argument = "HxW", .meaning = "height and width of the filters (default: 1x1)"},
         {.name = "stride", .argument = "N", .meaning = "pixels between outputs (default: 1)"},
         {.name = "pad", .argument = "N", .meaning = "zeros around the images (default: 0)"},
         {.name = "groups", .argument = "N", .meaning = "groups of channels (default: 1)"},
         {.name = "pass",
          .argument = "NAME",
          .meaning = "forward (A: input, B: weights; default), input_gradient (errors, weights) or weight_gradient "
                     "(errors, input)"},
         {.name = "layout",
          .argument = "NAME",
          .meaning =
              "of tensors in files: nhwc (with weights OHWI; default) or nchw (with weights OIHW, as PyTorch)"}}),
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

/// Input, weights or errors: what an operand of a pass is.
const std::optional<Sizes>& file_of(const FileShapes& files, kernels::Pass pass, std::string_view what) {
  static const std::optional<Sizes> none;
  const bool forward = pass == kernels::Pass::forward;
  const bool weight_gradient = pass == kernels::Pass::weight_gradient;
  if (what == "input") return forward ? files[0] : weight_gradient ? files[1] : none;
  if (what == "weights") return weight_gradient ? none : files[1];
  return forward ? none : files[0];
}

/// Channels and the size of filters from --channels and --filter, else from the weights, else from the errors.
void set_weights(const cli::Arguments& arguments, const std::optional<Sizes>& weights,
                 const std::optional<Sizes>& errors, kernels::ConvShape& shape) {
  shape.oc = weights ? weights->at(0) : errors ? errors->at(3) : 0;
  shape.kh = weights ? weights->at(1) : 1;
  shape.kw = weights ? weights->at(2) : 1;
  if (const auto filter = arguments.value("filter")) {
    const Sizes sizes = parse_sizes("filter", "HxW", *filter);
    shape.kh = sizes[0];
    shape.kw = sizes[1];
  }
  if (arguments.has("channels")) shape.oc = arguments.integer("channels", 0, 1, largest_size);
}

/// From --input, else from the input, else from errors and weights where the stride leaves no choice.
bool set_input(const cli::Arguments& arguments, const std::optional<Sizes>& input, const std::optional<Sizes>& weights,
               const std::optional<Sizes>& errors, kernels::ConvShape& shape) {
  Sizes sizes;
  if (const auto text = arguments.value("input")) {
    sizes = parse_sizes("input", "NxHxWxC", *text);
  } else if (input) {
    sizes = *input;
  } else if (weights && errors && shape.stride == 1) {
    sizes = {errors->at(0), errors->at(1) + shape.kh - 1 - 2 * shape.pad, errors->at(2) + shape.kw - 1 - 2 * shape.pad,
             weights->at(3) * shape.groups};
  } else {
    return false;
  }
  shape.n = sizes[0];
  shape.h = sizes[1];
  shape.w = sizes[2];
  shape.ic = sizes[3];
  return true;
}

ShapeAndPass shape_of(const cli::Arguments& arguments, const FileShapes& files) {
  const kernels::Pass pass = parse_pass(arguments.value("pass").value_or("forward"));
  const std::optional<Sizes>& weights = file_of(files, pass, "weights");
  const std::optional<Sizes>& errors = file_of(files, pass, "errors");
  kernels::ConvShape shape;
  shape.stride = arguments.integer("stride", 1, 1, largest_size);
  shape.pad = arguments.integer("pad", 0, 0, largest_size);
  shape.groups = arguments.integer("groups", 1, 1, largest_size);
  set_weights(arguments, weights, errors, shape);
  if (!set_input(arguments, file_of(files, pass, "input"), weights, errors, shape) || shape.oc == 0) {
    throw UserError("give at least --input NxHxWxC and --channels C, the output channels, as far as files do not tell");
  }
  shape.check("the product");
  const Sizes input{shape.n, shape.h, shape.w, shape.ic};
  const Sizes weight{shape.oc, shape.kh, shape.kw, shape.group_ic()};
  const Sizes output{shape.n, shape.out_h(), shape.out_w(), shape.oc};
  const bool forward = pass == kernels::Pass::forward;
  const bool weight_gradient = pass == kernels::Pass::weight_gradient;
  return {shape,
          pass,
          fmt::format("conv {}, input {}, {} channels, filter {}x{}, stride {}, pad {}, groups {}", kernels::name(pass),
                      fmt::join(input, "x"), shape.oc, shape.kh, shape.kw, shape.stride, shape.pad, shape.groups),
          {forward ? input : output, weight_gradient ? input : weight},
          forward           ? output
          : weight_gradient ? weight
                            : input};
}

const std::vector<std::size_t> as_in_nhwc{0, 1, 2, 3}, as_in_nchw{0, 2, 3, 1};

OtherOrder other_order(const cli::Arguments& arguments) {
  return arguments.value("layout") == "nchw" ? OtherOrder{"--layout nhwc", as_in_nhwc}
                                             : OtherOrder{"--layout nchw", as_in_nchw};
}

std::vector<std::size_t> axes(const cli::Arguments& arguments, std::size_t tensor) {
  const auto layout = arguments.value("layout");
  if (layout && *layout != "nhwc" && *layout != "nchw") {
    throw UserError(fmt::format("--layout must be nhwc or nchw, not {}", formats::quote(*layout)));
  }
  if (layout && !arguments.has("file-a") && !arguments.has("file-b") && !arguments.has("save")) {
    throw UserError("--layout has no effect without --file-a, --file-b or --save");
  }
  if (!layout || *layout == "nhwc") return as_in_nhwc;
  return tensor < 2 ? as_in_nchw : std::vector<std::size_t>{0, 3, 1, 2};
}

}  // namespace

cli::ExitCode run_conv(std::span<const std::string> arguments, cli::Streams& streams) {
  return run_product_command({command, shape_of, axes, other_order}, arguments, streams);
}

}  // namespace precsim::experiments
