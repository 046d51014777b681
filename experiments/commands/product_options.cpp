// Options of `precsim gemm` and `precsim conv`.
#include "experiments/commands/product_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "experiments/cli/table.hpp"
#include "experiments/commands/product_report.hpp"
#include "experiments/run/run_options.hpp"
#include "formats/error.hpp"
#include "formats/grammar.hpp"

namespace precsim::experiments {
namespace {

constexpr std::string_view default_format = "dfp16:headroom=1";
constexpr std::string_view default_fill = "normal";

product::SideRequest parse_side(const cli::Arguments& arguments, const std::string& side) {
  const std::string format = arguments.value(side).value_or(std::string(default_format));
  const std::string fill = arguments.value("fill-" + side).value_or(std::string(default_fill));
  return {formats::parse_conversion(format), std::make_shared<product::FilledOperand>(product::parse_fill(fill))};
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

product::ProductRequest parse_request(const cli::Arguments& arguments, const ShapeAndPass& wanted) {
  product::ProductRequest request;
  request.shape = wanted.shape;
  request.pass = wanted.pass;
  request.sides = {parse_side(arguments, "a"), parse_side(arguments, "b")};
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

cli::ExitCode run_product_command(const cli::Command& command, ShapeAndPass (*shape_of)(const cli::Arguments&),
                                  std::span<const std::string> arguments, cli::Streams& streams) {
  if (cli::wants_help(arguments)) {
    streams.out << cli::help_text(command, "precsim");
    return cli::ExitCode::ok;
  }
  const cli::Arguments parsed = cli::parse_arguments(command, arguments);
  if (parsed.has("list-fills")) {
    streams.out << fills_text();
    return cli::ExitCode::ok;
  }
  const ShapeAndPass wanted = shape_of(parsed);
  const product::ProductRequest request = parse_request(parsed, wanted);
  product::check_size(request);
  const int threads = set_threads(parsed.integer("threads", 0, 0, 1024));
  const product::ProductReport report = product::run_product(request);
  const ProductRun run{wanted.text, request, threads, report};
  streams.out << (parsed.has("json") ? product_json(run) : product_text(run));
  return product_exit_code(report);
}

}  // namespace precsim::experiments
