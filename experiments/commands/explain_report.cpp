// The story of one output for programs.
#include "experiments/commands/explain_report.hpp"

#include <fmt/format.h>

#include <bit>

namespace precsim::experiments {
namespace {

using cli::Json;
using explain::Origin;
using explain::Story;
using kernels::Pass;

std::string hex(float value) {
  return fmt::format("{:#010x}", std::bit_cast<std::uint32_t>(value));
}

Json number(float value) {
  return {{"value", value}, {"bits", hex(value)}};
}

std::array<std::int64_t, 4> places(const Story& story) {
  const std::array<std::int64_t, 4> sizes = result_sizes(story.shape, story.pass);
  std::array<std::int64_t, 4> at{};
  std::int64_t rest = story.index;
  for (std::size_t i = 4; i-- > 0; rest /= sizes[i]) {
    at[i] = rest % sizes[i];
  }
  return at;
}

Json shape_json(const kernels::ConvShape& s) {
  return {{"n", s.n},   {"h", s.h},   {"w", s.w},           {"ic", s.ic},   {"oc", s.oc},
          {"kh", s.kh}, {"kw", s.kw}, {"stride", s.stride}, {"pad", s.pad}, {"groups", s.groups}};
}

Json operand_json(const ToldStory& told, std::size_t side) {
  const kernels::OperandLine& line = side == 0 ? told.story.a : told.story.b;
  Json json{{"name", told.names[side]}, {"format", told.conversions[side].name()}};
  const DecodedFrom& from = told.decoded[side];
  if (!line.exponents.empty()) {
    json["exponents"] = line.exponents;
    json["block"] = line.block;
  } else if (!from.exponents.empty()) {
    json["decoded_from"] = {{"exponents", from.exponents}, {"block", from.block}};
  }
  return json;
}

/// Null for explicit zeros.
Json element_json(Origin origin, std::int64_t index) {
  return origin == Origin::element ? Json(index) : Json(nullptr);
}

Json integer_step_json(const Story& story, const explain::IntegerStep& step) {
  Json products = Json::array();
  for (std::int64_t k = step.k; k < step.k + step.products; ++k) {
    const explain::Source source = story.source(k);
    const std::int64_t a = story.a.codes[static_cast<std::size_t>(k)];
    const std::int64_t b = story.b.codes[static_cast<std::size_t>(k)];
    products.push_back({{"k", k},
                        {"a_element", element_json(source.a, source.index_a)},
                        {"b_element", element_json(source.b, source.index_b)},
                        {"a_code", a},
                        {"b_code", b},
                        {"product", a * b}});
  }
  return {{"products", products},
          {"lane_before", step.before},
          {"lane_plus_products", step.sum},
          {"lane_after", step.after},
          {"overflow", step.overflows()}};
}

Json float_step_json(const Story& story, const explain::FloatStep& step) {
  const auto i = static_cast<std::size_t>(step.k);
  const explain::Source source = story.source(step.k);
  Json json{{"k", step.k},
            {"a_element", element_json(source.a, source.index_a)},
            {"b_element", element_json(source.b, source.index_b)},
            {"a", story.a.values[i]},
            {"b", story.b.values[i]},
            {"exact_product", static_cast<double>(story.a.values[i]) * static_cast<double>(story.b.values[i])}};
  if (step.stored_product) {
    json["stored_product"] = *step.stored_product;
  }
  json["sum_before"] = number(step.before);
  json["sum_after"] = number(step.after);
  json["overflow"] = step.overflows;
  return json;
}

Json steps_json(const Story& story, const explain::Excerpt& shown) {
  Json steps = Json::array();
  for (const explain::Range& range : shown.steps) {
    for (std::size_t i = range.first; i < range.end; ++i) {
      steps.push_back(story.is_integer() ? integer_step_json(story, story.integer_steps[i])
                                         : float_step_json(story, story.float_steps[i]));
    }
  }
  return steps;
}

Json spills_json(const Story& story, const explain::Excerpt& shown) {
  Json spills = Json::array();
  for (const explain::Range& range : shown.chains) {
    for (std::size_t i = range.first; i < range.end; ++i) {
      const explain::ChainStory& chain = story.chains[i];
      Json spill{{"chain", i},
                 {"first_k", chain.chain.begin},
                 {"end_k", chain.chain.end},
                 {"overflow_events", chain.overflow_events}};
      if (story.is_integer()) {
        spill["true_sum"] = chain.true_sum;
        spill["lane"] = chain.lane;
        spill["lane_as_float"] = chain.spilled;
      } else {
        spill["sum"] = number(chain.spilled);
      }
      spill["exponent_a"] = chain.exponent_a;
      spill["exponent_b"] = chain.exponent_b;
      spill["c_before"] = number(chain.before);
      spill["c_after"] = number(chain.after);
      spills.push_back(spill);
    }
  }
  return spills;
}

Json head_json(const ToldStory& told) {
  const Story& story = told.story;
  Json json;
  if (told.run) {
    json["layer"] = told.run->layer;
    json["step"] = told.run->step;
    json["computed"] = told.run->started;
  }
  if (told.has_index()) {
    json["pass"] = kernels::name(story.pass);
    json["index"] = places(story);
    json["element"] = story.index;
  }
  json["shape"] = shape_json(story.shape);
  json["length"] = story.length;
  json["accumulator"] =
      story.is_integer() ? story.accumulators.integer.full_name() : story.accumulators.floating.name();
  if (story.is_integer()) {
    json["chain_length"] = story.chain_length;
    json["proved"] = story.proved;
  }
  if (!story.chains.empty()) {
    json["chains"] = story.chains.size();
  }
  json["a"] = operand_json(told, 0);
  json["b"] = operand_json(told, 1);
  return json;
}

}  // namespace

bool ToldStory::same_bits() const {
  return std::bit_cast<std::uint32_t>(computed) == std::bit_cast<std::uint32_t>(story.result);
}

Json story_json(const ToldStory& told, bool full) {
  const Story& story = told.story;
  const explain::Excerpt shown = explain::excerpt(story, full);
  Json json = head_json(told);
  json["overflow_events"] = story.overflow_events();
  if (story.is_integer()) {
    const explain::IntegerStep& peak = story.integer_steps[story.peak()];
    json["largest_sum"] = {{"k", peak.k}, {"lane_plus_products", peak.sum}};
  }
  json["whole"] = full;
  json["steps"] = steps_json(story, shown);
  if (!story.chains.empty()) {
    json["spills"] = spills_json(story, shown);
  }
  if (!story.is_integer()) {
    json["swallowed"] = story.swallowed();
  }
  json["sum"] = number(story.sum);
  if (story.bias) {
    json["bias"] = number(*story.bias);
  }
  json["result"] = number(story.result);
  json["engine"] = {{"name", told.engine}, {"result", number(told.computed)}, {"same_bits", told.same_bits()}};
  if (story.exact_result) {
    json["exact"] = {{"integer", story.exact_result->integer.str()},
                     {"exponent", story.exact_result->exponent},
                     {"value", story.exact_result->nearest()}};
    const std::optional<double> ulps = story.error_in_ulps();
    const std::optional<double> relative = story.relative_error();
    json["error_ulps"] = ulps ? Json(*ulps) : Json(nullptr);
    json["error_relative"] = relative ? Json(*relative) : Json(nullptr);
  }
  return json;
}

}  // namespace precsim::experiments
