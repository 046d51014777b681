// Explaining the reduction of two vectors.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ostream>

#include "experiments/commands/explain_kinds.hpp"
#include "experiments/explain/vectors.hpp"
#include "formats/error.hpp"

namespace precsim::experiments {
namespace {

constexpr std::string_view default_format = "dfp16";

explain::Vector parse_vector(const cli::Arguments& arguments, const std::string& side) {
  const auto rounding = formats::parse_rounding(arguments.value("rounding").value_or("nearest_even"));
  const auto text = arguments.value(side);
  if (!text) {
    throw UserError("give a record, or two vectors: --a NUMBERS and --b NUMBERS");
  }
  const std::string format = arguments.value("format-" + side).value_or(std::string(default_format));
  explain::Vector vector{"--" + side, formats::parse_conversion(format, rounding), {}, {}, 0};
  if (!arguments.has("codes")) {
    vector.values = explain::parse_values(vector.name, *text);
    return vector;
  }
  vector.codes = explain::parse_codes(vector.name, *text, *vector.conversion.format);
  constexpr std::int64_t most = 200;
  vector.exponent = static_cast<int>(arguments.integer("exponent-" + side, 0, -most, most));
  return vector;
}

DecodedFrom decoded_from(const explain::VectorStory& told, const explain::Vector& vector, std::size_t side) {
  const formats::Format& format = *vector.conversion.format;
  if (told.story.meet != formats::OperandKind::floating || format.kind() == formats::OperandKind::floating) {
    return {};
  }
  const std::vector<std::int16_t>& exponents = told.report.operands[side].exponents;
  const auto fixed = static_cast<std::int16_t>(format.block_exponent(0));
  return {exponents.empty() ? std::vector{fixed} : exponents, format.blocking().size};
}

}  // namespace

cli::ExitCode explain_vectors(const cli::Arguments& arguments, cli::Streams& streams) {
  if (!arguments.has("codes")) {
    refuse_options(arguments, std::array<std::string_view, 2>{"exponent-a", "exponent-b"}, "without --codes");
  } else {
    refuse_options(arguments, std::array<std::string_view, 1>{"rounding"}, "on --codes, which are not converted");
  }
  const std::array<explain::Vector, 2> vectors{parse_vector(arguments, "a"), parse_vector(arguments, "b")};
  const bool integer = std::ranges::all_of(vectors, [](const explain::Vector& vector) {
    return vector.conversion.format->kind() == formats::OperandKind::integer;
  });
  kernels::Accumulators accumulators;
  if (const auto text = arguments.value("accumulator")) {
    if (integer) {
      accumulators.integer = arith::parse_integer_accumulator(*text);
    } else {
      accumulators.floating = arith::parse_float_accumulator(*text);
    }
  }
  const auto seed = static_cast<std::uint32_t>(arguments.integer("seed", 1, 0, 0xffffffffLL));
  explain::VectorStory told = explain::tell_vectors(vectors, accumulators, seed);
  if (told.report.difference) {
    const product::Difference& difference = *told.report.difference;
    streams.err << fmt::format("precsim: engines differ: {} by simulation, {} by {}\n", difference.simulated,
                               difference.other, difference.with);
    return cli::ExitCode::mismatch;
  }
  return print_story({told.story,
                      {"--a", "--b"},
                      {vectors[0].conversion, vectors[1].conversion},
                      {},
                      "simulation and native kernel",
                      told.report.result.front(),
                      {decoded_from(told, vectors[0], 0), decoded_from(told, vectors[1], 1)}},
                     arguments, streams);
}

}  // namespace precsim::experiments
