// The story of one output for people.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>

#include "experiments/commands/explain_index.hpp"
#include "experiments/commands/explain_report.hpp"
#include "experiments/commands/explain_steps.hpp"
#include "sim/arith/reduce.hpp"

namespace precsim::experiments {
namespace {

using explain::FloatStep;
using explain::IntegerStep;
using explain::Story;

std::string number_and_bits(float value) {
  return fmt::format("{}  {}", float_text(value), bits_text(value));
}

std::string product_text(const ToldStory& told) {
  const Story& story = told.story;
  const kernels::ConvShape& s = story.shape;
  const kernels::ProductShape product = product_shape(s, story.pass);
  const std::int64_t fillers = story.length - product.taps * product.channels;
  const std::string reduction =
      fmt::format("{} products per output{}", story.length,
                  fillers == 0 ? "" : fmt::format(", {} of them zeros that make channels even", fillers));
  if (!told.run) {
    return reduction;  // the title says the rest, if there is more
  }
  if (!has_taps(story)) {
    return fmt::format("linear, {} samples, {} to {} features; {}", s.n, s.ic, s.oc, reduction);
  }
  return fmt::format("input {}x{}x{}x{}, weights {}x{}x{}x{}, stride {}, pad {}, groups {}; {}", s.n, s.h, s.w, s.ic,
                     s.oc, s.kh, s.kw, s.group_ic(), s.stride, s.pad, s.groups, reduction);
}

std::string accumulator_text(const Story& story) {
  if (story.is_scaled()) {
    return fmt::format("{}; {} of unscaled elements, spilled into FP32", story.accumulators.floating.name(),
                       story.chains.size() == 1 ? "one sum" : fmt::format("{} sums", story.chains.size()));
  }
  if (!story.is_integer()) {
    return story.accumulators.floating.name();
  }
  const arith::IntegerAccumulator& accumulator = story.accumulators.integer;
  std::int64_t longest = 0;
  for (const explain::ChainStory& chain : story.chains)
    longest = std::max(longest, chain.chain.end - chain.chain.begin);
  return fmt::format("{}; chains of {}{}, {}", accumulator.full_name(),
                     longest == story.length ? "the whole reduction" : fmt::to_string(longest),
                     accumulator.chain == arith::chain_auto ? fmt::format(" (auto: up to {})", story.chain_length) : "",
                     story.proved ? "proved not to overflow anywhere in this product" : "not proved");
}

std::string exponents_text(std::span<const std::int16_t> exponents, std::int64_t block) {
  if (exponents.empty()) {
    return "";
  }
  return block == 0 ? fmt::format(", exponent {}", exponents.front())
                    : fmt::format(", {} along the reduction, blocks of {}: {}",
                                  exponents.size() == 1 ? "1 exponent" : fmt::format("{} exponents", exponents.size()),
                                  block, fmt::join(exponents, " "));
}

std::string operand_text(const ToldStory& told, std::size_t side) {
  const kernels::OperandLine& line = side == 0 ? told.story.a : told.story.b;
  const std::string text = fmt::format("{}, {}", told.names[side], told.conversions[side].name());
  if (told.story.meet != formats::OperandKind::floating) {
    return text + exponents_text(line.exponents, line.block_stride == 0 ? 0 : line.block);
  }
  const DecodedFrom& from = told.decoded[side];
  const bool decoded = told.conversions[side].format->kind() != formats::OperandKind::floating;
  return text + exponents_text(from.exponents, from.block) +
         (decoded ? ", decoded to FP32 (the other operand is of another kind)" : "");
}

std::string head_text(const ToldStory& told) {
  const Story& story = told.story;
  std::string title = told.product.empty() ? "two vectors" : told.product;
  if (told.run) {
    title = fmt::format("{}, {}, step {}", told.run->layer, kernels::name(story.pass), told.run->step);
  }
  cli::Table table({{"output", "", cli::Align::left}, {title, "", cli::Align::left}});
  if (told.has_index()) {
    table.add_row(
        {"index", fmt::format("{} (element {})", index_text(story.shape, story.pass, story.index), story.index)});
  }
  table.add_row({"product", product_text(told)});
  table.add_row({"accumulator", accumulator_text(story)});
  table.add_row({"a", operand_text(told, 0)});
  table.add_row({"b", operand_text(told, 1)});
  if (told.run) {
    table.add_row({"computed", told.run->started});
  }
  return table.text();
}

std::string events_text(const Story& story) {
  const std::uint64_t events = story.overflow_events();
  std::int64_t first = -1;
  for (const IntegerStep& step : story.integer_steps) {
    if (first < 0 && step.overflows()) first = step.k;
  }
  for (const FloatStep& step : story.float_steps) {
    if (first < 0 && step.overflows) first = step.k;
  }
  return events == 0 ? "none" : fmt::format("{}, the first at k = {}", events, first);
}

std::string peak_text(const Story& story) {
  const std::size_t i = story.peak();
  if (!story.is_integer()) {
    return fmt::format("{} at k = {}{}", float_text(story.float_steps[i].after), story.float_steps[i].k,
                       story.is_scaled() ? ", unscaled" : "");
  }
  const explain::IntegerStep& step = story.integer_steps[i];
  return fmt::format("{} at k = {}, in {} bits", step.sum, step.k, arith::bits_needed(step.sum));
}

std::string distance_text(const Story& story) {
  const std::optional<double> ulps = story.error_in_ulps();
  const std::optional<double> relative = story.relative_error();
  if (!ulps) {
    return "not finite";
  }
  return fmt::format("{:.4g} ulp{}", *ulps, relative ? fmt::format(", relative {:.4g}", *relative) : "");
}

std::string end_text(const ToldStory& told) {
  const Story& story = told.story;
  cli::Table table({{"end", "", cli::Align::left}, {"", "", cli::Align::left}});
  table.add_row({"overflow events", events_text(story)});
  table.add_row({"largest sum", peak_text(story)});
  if (!story.is_integer()) {
    table.add_row({"swallowed products", fmt::format("{} of {}", story.swallowed(), story.length)});
  }
  if (story.bias) {
    table.add_row({"sum", number_and_bits(story.sum)});
    table.add_row({"bias", number_and_bits(*story.bias)});
  }
  table.add_row({"result", number_and_bits(story.result)});
  table.add_row({told.engine, told.same_bits() ? "the same bits" : number_and_bits(told.computed)});
  if (story.exact_result) {
    table.add_row({story.bias ? "exact sum and bias" : "exact sum",
                   fmt::format("{} = {}", story.exact_result->text(), story.exact_result->nearest())});
    table.add_row({"result - exact", distance_text(story)});
  }
  return table.text();
}

}  // namespace

std::string story_text(const ToldStory& told, bool full) {
  const Story& story = told.story;
  const explain::Excerpt shown = explain::excerpt(story, full);
  std::string text = head_text(told) + '\n';
  text += story.is_integer() ? integer_steps_text(story, shown) : float_steps_text(told, shown);
  if (shown.hidden_events != 0) {
    text += fmt::format("{} more overflow events are not shown; --full shows every step\n", shown.hidden_events);
  }
  if (!story.chains.empty()) {
    text += fmt::format("\nspills: c = RNE({} * scale + c)\n{}", story.is_integer() ? "lane as float" : "sum",
                        spills_text(story, shown));
  }
  return text + '\n' + end_text(told);
}

}  // namespace precsim::experiments
