// The tables of steps and spills of a story.
#include "experiments/commands/explain_steps.hpp"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <initializer_list>
#include <utility>

namespace precsim::experiments {
namespace {

using explain::ChainStory;
using explain::Excerpt;
using explain::FloatStep;
using explain::IntegerStep;
using explain::Origin;
using explain::Range;
using explain::Story;
using kernels::Pass;

/// Where product k lies in the reduction: taps and channel, the output pixel of a weight gradient, or nothing.
std::string reduction_text(const Story& story, std::int64_t k) {
  const explain::Source source = story.source(k);
  const kernels::ConvShape& shape = story.shape;
  if (source.a == Origin::filler) {
    return "filler";
  }
  if (story.pass == Pass::weight_gradient) {
    const std::int64_t pixels = shape.out_h() * shape.out_w();
    return fmt::format("{},{},{}", source.channel / pixels, source.channel / shape.out_w() % shape.out_h(),
                       source.channel % shape.out_w());
  }
  return fmt::format("{},{},{}", source.tap / shape.kw, source.tap % shape.kw, source.channel);
}

std::string_view reduction_names(const Story& story) {
  return story.pass == Pass::weight_gradient ? "n,oh,ow" : story.pass == Pass::forward ? "kh,kw,ic" : "kh,kw,oc";
}

std::string scaled_text(std::int64_t code, int exponent) {
  return fmt::format("{:.6g}", explain::Dyadic(code, exponent).nearest());
}

std::string code_text(Origin origin, std::int16_t code) {
  return origin == Origin::padding ? "pad" : fmt::to_string(code);
}

std::string_view overflow_text(const Story& story) {
  return story.accumulators.integer.overflow == arith::OverflowRule::wrap ? "wraps" : "clamps";
}

/// A table whose rows follow excerpts, with a row of dots between them.
class StepTable {
 public:
  explicit StepTable(std::vector<cli::Column> columns) : width_(columns.size()), table_(std::move(columns)) {}

  void add_row(std::vector<std::string> cells) { table_.add_row(std::move(cells)); }
  /// Where a range of `total` things begins that is not the one behind the last range.
  void begin(const Range& range) {
    if (range.first != next_) {
      dots();
    }
    next_ = range.end;
  }
  std::string finish(std::size_t total) {
    if (next_ != total) {
      dots();
    }
    return table_.text();
  }

 private:
  void dots() {
    std::vector<std::string> cells(width_);
    cells.front() = "...";
    table_.add_row(std::move(cells));
  }

  std::size_t width_, next_ = 0;
  cli::Table table_;
};

/// The columns that say which product a row is of.
std::vector<cli::Column> place_columns(const Story& story) {
  std::vector<cli::Column> columns{{"k"}};
  if (has_taps(story)) {
    columns.push_back({std::string(reduction_names(story))});
  }
  return columns;
}

std::vector<std::string> place_cells(const Story& story, std::int64_t k) {
  std::vector<std::string> cells{fmt::to_string(k)};
  if (has_taps(story)) {
    cells.push_back(reduction_text(story, k));
  }
  return cells;
}

template <class T>
void append(std::vector<T>& to, std::initializer_list<T> more) {
  to.insert(to.end(), more);
}

/// One row per product; the last of a step has what happens to the lane.
void add_integer_step(const Story& story, const ChainStory& chain, const IntegerStep& step, StepTable& table) {
  for (int i = 0; i < step.products; ++i) {
    const std::int64_t k = step.k + i;
    const explain::Source source = story.source(k);
    const std::int16_t a = story.a.codes[static_cast<std::size_t>(k)];
    const std::int16_t b = story.b.codes[static_cast<std::size_t>(k)];
    const bool last = i + 1 == step.products;
    std::vector<std::string> cells = place_cells(story, k);
    append(cells,
           {code_text(source.a, a), scaled_text(a, chain.exponent_a), code_text(source.b, b),
            scaled_text(b, chain.exponent_b), fmt::to_string(std::int64_t{a} * b),
            last ? fmt::to_string(step.before) : "", last ? fmt::to_string(step.sum) : "",
            last ? fmt::to_string(step.after) : "", std::string(last && step.overflows() ? overflow_text(story) : "")});
    table.add_row(std::move(cells));
  }
}

std::string code_of(const formats::FloatFormat& format, float value) {
  const auto code = formats::encode(format, value, {}, 0);
  return code ? fmt::format("{:#0{}x}", *code, 2 + (format.width() + 3) / 4) : bits_text(value);
}

/// The code of value k of a side: of its format, or, where that is not known, of FP32.
std::string float_code(const ToldStory& told, std::size_t side, std::int64_t k, float value) {
  const formats::Format& format = *told.conversions[side].format;
  const formats::CodeRule rule = format.code_rule();
  if (const auto* record = std::get_if<formats::FloatFormat>(&rule)) {
    return code_of(*record, value);
  }
  const auto* scaled = std::get_if<formats::ScaledFloat>(&rule);
  if (scaled != nullptr && told.story.is_scaled()) {
    return code_of(scaled->element, value);
  }
  const DecodedFrom& from = told.decoded[side];
  constexpr int lowest_step = -149;  // below, FP32 does not hold every code times the step
  if (from.exponents.empty() || (scaled == nullptr && from.exponent(k) < lowest_step)) {
    return bits_text(value);
  }
  const double element = static_cast<double>(value) * formats::power_of_two(-from.exponent(k));
  return scaled != nullptr ? code_of(scaled->element, static_cast<float>(element)) : fmt::format("{:.0f}", element);
}

/// after - (before + product), exactly.
std::string rounding_error(const Story& story, const FloatStep& step) {
  const float product = step.stored_product.value_or(0);
  if (formats::is_nonfinite(step.after) || formats::is_nonfinite(step.before) || formats::is_nonfinite(product)) {
    return "-";
  }
  explain::Dyadic error(step.after);
  error += -explain::Dyadic(step.before);
  error += -(step.stored_product ? explain::Dyadic(product) : story.exact_product(step.k));
  return error.is_zero() ? "0" : fmt::format("{:.3g}", error.nearest());
}

std::string float_flag(const Story& story, const FloatStep& step) {
  const auto i = static_cast<std::size_t>(step.k);
  return step.overflows                                                                  ? "overflow"
         : step.after == step.before && story.a.values[i] != 0 && story.b.values[i] != 0 ? "swallowed"
                                                                                         : "";
}

}  // namespace

std::string float_text(float value) {
  const bool is_plain = std::fabs(value) < 1e15f && value == std::trunc(value);
  return is_plain ? fmt::format("{:.0f}", value) : fmt::format("{}", value);
}

std::string bits_text(float value) {
  return fmt::format("{:#010x}", std::bit_cast<std::uint32_t>(value));
}

bool has_taps(const Story& story) {
  return story.shape.h * story.shape.w * story.shape.kh * story.shape.kw != 1;
}

std::string integer_steps_text(const Story& story, const Excerpt& shown) {
  std::vector<cli::Column> columns = place_columns(story);
  append<cli::Column>(columns, {{"a code"},
                                {"a"},
                                {"b code"},
                                {"b"},
                                {"product"},
                                {"lane before"},
                                {"lane + products"},
                                {"lane after"},
                                {"overflow", "", cli::Align::left}});
  StepTable table(columns);
  std::size_t c = 0;
  for (const Range& range : shown.steps) {
    table.begin(range);
    while (range.first >= story.chains[c].end_step) {
      ++c;
    }
    for (std::size_t i = range.first; i < range.end; ++i) {
      add_integer_step(story, story.chains[c], story.integer_steps[i], table);
    }
  }
  return table.finish(story.integer_steps.size());
}

std::string spills_text(const Story& story, const Excerpt& shown) {
  const bool lanes = story.is_integer();
  std::vector<cli::Column> columns{{lanes ? "chain" : "block"}, {"k", "", cli::Align::left}, {"events"}};
  if (lanes) {
    append<cli::Column>(columns, {{"true sum"}, {"lane"}});
  }
  append<cli::Column>(columns, {{lanes ? "as float" : "sum"}, {"scale"}, {"c before"}, {"c after"}, {"bits"}});
  StepTable table(columns);
  for (const Range& range : shown.chains) {
    table.begin(range);
    for (std::size_t i = range.first; i < range.end; ++i) {
      const ChainStory& chain = story.chains[i];
      std::vector<std::string> cells{fmt::to_string(i), fmt::format("{} to {}", chain.chain.begin, chain.chain.end - 1),
                                     fmt::to_string(chain.overflow_events)};
      if (lanes) {
        append(cells, {fmt::to_string(chain.true_sum), fmt::to_string(chain.lane)});
      }
      append(cells, {float_text(chain.spilled), fmt::format("2^({} + {})", chain.exponent_a, chain.exponent_b),
                     float_text(chain.before), float_text(chain.after), bits_text(chain.after)});
      table.add_row(std::move(cells));
    }
  }
  return table.finish(story.chains.size());
}

std::string float_steps_text(const ToldStory& told, const Excerpt& shown) {
  const Story& story = told.story;
  const bool stored = story.accumulators.floating.product.has_value();
  std::vector<cli::Column> columns = place_columns(story);
  append<cli::Column>(columns, {{"a code"}, {"a"}, {"b code"}, {"b"}, {"exact product"}});
  if (stored) {
    columns.push_back({"stored as"});
  }
  append<cli::Column>(columns, {{"sum before"}, {"sum after"}, {"bits"}, {"rounding"}, {"", "", cli::Align::left}});
  StepTable table(columns);
  for (const Range& range : shown.steps) {
    table.begin(range);
    for (std::size_t i = range.first; i < range.end; ++i) {
      const FloatStep& step = story.float_steps[i];
      const explain::Source source = story.source(step.k);
      const auto side = [&](std::size_t s, float value, Origin origin) {
        return origin == Origin::padding ? std::string("pad") : float_code(told, s, step.k, value);
      };
      std::vector<std::string> cells = place_cells(story, step.k);
      append(cells,
             {side(0, story.a.values[i], source.a), float_text(story.a.values[i]), side(1, story.b.values[i], source.b),
              float_text(story.b.values[i]),
              fmt::format("{}", static_cast<double>(story.a.values[i]) * static_cast<double>(story.b.values[i]))});
      if (stored) {
        cells.push_back(float_text(*step.stored_product));
      }
      append(cells, {float_text(step.before), float_text(step.after), bits_text(step.after),
                     rounding_error(story, step), float_flag(story, step)});
      table.add_row(std::move(cells));
    }
  }
  return table.finish(story.float_steps.size());
}

}  // namespace precsim::experiments
