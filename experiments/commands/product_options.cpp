// Options of `precsim gemm` and `precsim conv`.
#include "experiments/commands/product_options.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

#include "experiments/cli/table.hpp"
#include "experiments/commands/explain_index.hpp"
#include "experiments/commands/explain_kinds.hpp"
#include "experiments/commands/output_file.hpp"
#include "experiments/commands/product_report.hpp"
#include "experiments/commands/product_story.hpp"
#include "experiments/product/file_operand.hpp"
#include "experiments/run/run_options.hpp"
#include "experiments/tensor_files/tensor_writer.hpp"
#include "formats/error.hpp"
#include "formats/grammar.hpp"

namespace precsim::experiments {
namespace {

constexpr std::string_view default_format = "dfp16:headroom=1";
constexpr std::string_view default_fill = "normal";

constexpr std::string_view side_names[] = {"a", "b"};
constexpr std::size_t result_tensor = 2;

using Files = std::array<std::shared_ptr<const product::FileOperand>, 2>;

Files open_files(const cli::Arguments& arguments, const ProductCommand& command) {
  Files files;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const std::string side(side_names[i]);
    const auto path = arguments.value("file-" + side);
    const auto tensor = arguments.value("tensor-" + side);
    if (path && arguments.has("fill-" + side)) {
      throw UserError(fmt::format("operand {0} is either read or filled; leave out --file-{0} or --fill-{0}", side));
    }
    if (!path && tensor) throw UserError(fmt::format("--tensor-{0} {1} needs --file-{0} FILE", side, *tensor));
    if (!path) continue;
    files[i] = std::make_shared<product::FileOperand>("operand " + side, *path, tensor.value_or(""),
                                                      command.axes(arguments, i));
  }
  return files;
}

ShapeAndPass shape_with_files(const cli::Arguments& arguments, const ProductCommand& command, const Files& files,
                              const FileShapes& shapes) {
  ShapeAndPass wanted = command.shape_of(arguments, shapes);
  wanted.shape.check("the product");
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (!shapes[i] || *shapes[i] == wanted.operands[i]) continue;
    throw UserError(fmt::format("operand {}: {} has the sizes {}, and {} needs {}", side_names[i], files[i]->name(),
                                fmt::join(*shapes[i], "x"), wanted.text, fmt::join(wanted.operands[i], "x")));
  }
  return wanted;
}

/// The same with the sizes of the files as they are meant, or, where they do not fit, a hint at the order that does.
ShapeAndPass shape_with_files(const cli::Arguments& arguments, const ProductCommand& command, const Files& files) {
  const auto shapes = [&](const std::vector<std::size_t>* order) {
    FileShapes all;
    for (std::size_t i = 0; i < files.size(); ++i) {
      if (files[i]) all[i] = order == nullptr ? files[i]->shape() : files[i]->shape(*order);
    }
    return all;
  };
  try {
    return shape_with_files(arguments, command, files, shapes(nullptr));
  } catch (const UserError& error) {
    if (command.other_order == nullptr) throw;
    const OtherOrder other = command.other_order(arguments);
    try {
      shape_with_files(arguments, command, files, shapes(&other.axes));
    } catch (const UserError&) {
      throw error;
    }
    throw UserError(fmt::format("{}; with {} the sizes fit", error.what(), other.option));
  }
}

/// The result as a tensor of the name "result"; the file is begun before the product, so that what is wrong with it is
/// known in time.
class SavedResult {
 public:
  SavedResult(const std::string& path, const ShapeAndPass& wanted, std::vector<std::size_t> order)
      : sizes_(wanted.result),
        order_(std::move(order)),
        writer_(path, {{"result", saved_sizes(), tensor_files::StorageType::float32}}) {}

  void write(std::span<const float> result) {
    const std::vector<float> values = product::permuted(result, sizes_, order_);
    writer_.write(0, std::as_bytes(std::span(values)));
    writer_.commit();
  }

 private:
  Sizes saved_sizes() const {
    Sizes sizes;
    for (const std::size_t axis : order_) sizes.push_back(sizes_[axis]);
    return sizes;
  }

  Sizes sizes_;
  std::vector<std::size_t> order_;
  tensor_files::TensorWriter writer_;
};

product::SideRequest parse_side(const cli::Arguments& arguments, const std::string& side,
                                std::shared_ptr<const product::OperandSource> file) {
  const std::string format = arguments.value(side).value_or(std::string(default_format));
  const std::string fill = arguments.value("fill-" + side).value_or(std::string(default_fill));
  if (!file) file = std::make_shared<product::FilledOperand>(product::parse_fill(fill));
  return {formats::parse_conversion(format), std::move(file)};
}

/// Only the accumulator that the two formats meet in may be given.
kernels::Accumulators parse_accumulators(const cli::Arguments& arguments, bool integer) {
  kernels::Accumulators accumulators;
  const auto for_integers = arguments.value("accumulator");
  const auto for_floats = arguments.value("float-accumulator");
  if (integer ? for_floats.has_value() : for_integers.has_value()) {
    throw UserError(fmt::format("--{} has no effect: {}", integer ? "float-accumulator" : "accumulator",
                                integer ? "both formats are integers, which meet in --accumulator"
                                        : "not both formats are integers, so they meet in --float-accumulator"));
  }
  if (for_integers) {
    accumulators.integer = arith::parse_integer_accumulator(*for_integers);
  }
  if (for_floats) {
    accumulators.floating = arith::parse_float_accumulator(*for_floats);
  }
  return accumulators;
}

product::ProductRequest parse_request(const cli::Arguments& arguments, const ShapeAndPass& wanted, const Files& files) {
  product::ProductRequest request;
  request.shape = wanted.shape;
  request.pass = wanted.pass;
  request.sides = {parse_side(arguments, "a", files[0]), parse_side(arguments, "b", files[1])};
  request.accumulators = parse_accumulators(arguments, request.is_integer());
  request.seed = static_cast<std::uint32_t>(arguments.integer("seed", 1, 0, std::numeric_limits<std::uint32_t>::max()));
  request.engine = kernels::parse_engine(arguments.value("engine").value_or("simulate"));
  request.kernel = &chosen_kernel(arguments.value("kernel").value_or(""));
  request.repeat = static_cast<int>(arguments.integer("repeat", 1, 1, 1000000));
  return request;
}

std::string fills_text() {
  cli::Table table({{"fill", "", cli::Align::left}, {"elements", "", cli::Align::left}});
  for (const product::FillEntry& row : product::fills()) {
    table.add_row({std::string(row.name), std::string(row.meaning)});
  }
  return table.text();
}

}  // namespace

std::vector<cli::Option> product_options(std::vector<cli::Option> own) {
  const cli::Option common[] = {
      {.name = "a", .argument = "FORMAT", .meaning = "format of A, FORMAT[@ROUNDING] (default: dfp16:headroom=1)"},
      {.name = "b", .argument = "FORMAT", .meaning = "format of B, likewise"},
      {.name = "fill-a", .argument = "FILL", .meaning = "what A is filled with (default: normal)"},
      {.name = "fill-b", .argument = "FILL", .meaning = "what B is filled with, likewise"},
      {.name = "file-a", .argument = "FILE", .meaning = "reads A: .npy, .npz, .safetensors or .h5"},
      {.name = "file-b", .argument = "FILE", .meaning = "reads B, likewise"},
      {.name = "tensor-a", .argument = "NAME", .meaning = "which tensor of the file (needed where it has several)"},
      {.name = "tensor-b", .argument = "NAME", .meaning = "likewise"},
      {.name = "save", .argument = "FILE", .meaning = "writes the result as float32, the kind of file by its suffix"},
      {.name = "overwrite", .meaning = "with --save: replaces an existing file"},
      {.name = "explain",
       .argument = "I,J,...",
       .meaning = "tells how this output came about: row,column; n,oh,ow,oc (any --layout); or its number"},
      {.name = "full", .meaning = "with --explain: every step"},
      {.name = "list-fills", .meaning = "lists the fills, and stops"},
      {.name = "accumulator",
       .argument = "NAME",
       .meaning = "of two integer formats: int32:chain=N|inf|auto,atom=...,overflow=... (default: int32:chain=auto)"},
      {.name = "float-accumulator",
       .argument = "NAME",
       .meaning = "of other formats: a float format, rounded once per step (default: fp32)"},
      {.name = "seed", .argument = "N", .meaning = "seed of all draws (default: 1)"},
      {.name = "engine", .argument = "NAME", .meaning = "simulate, native or check (default: simulate)"},
      {.name = "kernel", .argument = "NAME", .meaning = "kernel of the product (default: the fastest)"},
      {.name = "threads", .argument = "N", .meaning = "threads (default: all)"},
      {.name = "repeat", .argument = "N", .meaning = "times to compute it, for best and median (default: 1)"},
      {.name = "json", .meaning = "prints the result as JSON"}};
  own.insert(own.end(), std::begin(common), std::end(common));
  return own;
}

std::vector<std::int64_t> parse_sizes(std::string_view option, std::string_view form, std::string_view text) {
  constexpr std::int64_t most = std::int64_t{1} << 31;
  const auto count = static_cast<std::size_t>(std::count(form.begin(), form.end(), 'x')) + 1;
  std::vector<std::int64_t> sizes;
  for (std::string_view rest = text;; rest.remove_prefix(rest.find('x') + 1)) {
    std::int64_t size = 0;
    if (sizes.size() == count || !formats::parse_integer(rest.substr(0, rest.find('x')), 1, most, size)) {
      sizes.clear();
      break;
    }
    sizes.push_back(size);
    if (rest.find('x') == std::string_view::npos) {
      break;
    }
  }
  if (sizes.size() != count) {
    throw UserError(fmt::format("--{} must be {} with sizes from 1 to {}, not '{}'", option, form, most, text));
  }
  return sizes;
}

cli::ExitCode run_product_command(const ProductCommand& product_command, std::span<const std::string> arguments,
                                  cli::Streams& streams) {
  const cli::Command& command = product_command.command;
  if (cli::wants_help(arguments)) {
    streams.out << cli::help_text(command, "precsim");
    return cli::ExitCode::ok;
  }
  const cli::Arguments parsed = cli::parse_arguments(command, arguments);
  if (parsed.has("list-fills")) {
    streams.out << fills_text();
    return cli::ExitCode::ok;
  }
  const std::vector<std::size_t> saved_axes = product_command.axes(parsed, result_tensor);
  if (parsed.has("overwrite") && !parsed.has("save")) {
    throw UserError("--overwrite has no effect without --save FILE");
  }
  const Files files = open_files(parsed, product_command);
  const ShapeAndPass wanted = shape_with_files(parsed, product_command, files);
  const product::ProductRequest request = parse_request(parsed, wanted, files);
  product::check_size(request);
  std::optional<SavedResult> saved;
  if (const auto path = parsed.value("save")) {
    const std::vector<std::string> inputs = {parsed.value("file-a").value_or(""), parsed.value("file-b").value_or("")};
    check_output_file("--save", *path, inputs, parsed.has("overwrite"));
    saved.emplace(*path, wanted, saved_axes);
  }
  std::optional<std::int64_t> index;
  if (const auto text = parsed.value("explain")) {
    index = parse_index("explain", *text, request.shape, request.pass);
    check_story(request);
  } else if (parsed.has("full")) {
    throw UserError("--full has no effect without --explain I,J,...");
  }
  const int threads = set_threads(parsed.integer("threads", 0, 0, 1024));
  const product::ProductReport report = product::run_product(request);
  if (saved && !report.difference) saved->write(report.result);
  std::optional<ToldStory> story;
  if (index && !report.difference) story = tell_product(request, report, wanted.text, *index);
  const ProductRun run{wanted.text, request, threads, report, story ? &*story : nullptr, parsed.has("full")};
  streams.out << (parsed.has("json") ? product_json(run) : product_text(run));
  return story ? story_exit_code(*story, streams) : product_exit_code(report);
}

}  // namespace precsim::experiments
