// Flexpoint: the exponent's prediction, and the family "flexP+m:history=,deviations=,offset=".
#include "formats/flexpoint.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "formats/exact.hpp"
#include "formats/families.hpp"
#include "formats/twos_complement.hpp"

namespace precsim::formats {
namespace {

constexpr int first_scale = -8;
constexpr int most_tries = 10;
constexpr double exact_integers = 9007199254740992;  // 2^53

bool is_whole(double x, double low, double high) {
  return x >= low && x <= high && x == std::floor(x);
}

class FlexController final : public ExponentController {
 public:
  explicit FlexController(const FlexFormat& format) : format_(format) {}

  std::optional<int> exponent(std::int64_t step) const override {
    if (history_.empty()) {
      return std::nullopt;
    }
    return flex_next_exponent(history_, exponent_, 16 * conversions_ <= step, format_);
  }

  void observe(const CodeCounts& codes, int exponent) override {
    double largest = codes.largest;
    if (codes.largest >= (1 << (format_.bits - 1)) - 1) {
      history_.clear();
      largest *= 2;
    }
    if (history_.size() == static_cast<std::size_t>(format_.history)) {
      history_.erase(history_.begin());
    }
    history_.push_back(largest * power_of_two(exponent));
    exponent_ = exponent;
    ++conversions_;
  }

  /// Exponent of the last conversion, conversions so far, the history.
  std::vector<double> state() const override {
    std::vector<double> state{static_cast<double>(exponent_), static_cast<double>(conversions_)};
    state.insert(state.end(), history_.begin(), history_.end());
    return state;
  }

  bool restore(std::span<const double> state) override {
    if (state.size() < 2 || state.size() > static_cast<std::size_t>(format_.history) + 2 ||
        !is_whole(state[0], format_.lowest(), 0)) {
      return false;
    }
    const std::span<const double> history = state.subspan(2);
    const auto possible = [&](double x) { return x >= 0 && x <= power_of_two(format_.bits); };
    if (!is_whole(state[1], static_cast<double>(history.size()), exact_integers / 16) ||
        history.empty() != (state[1] == 0) || !std::all_of(history.begin(), history.end(), possible)) {
      return false;
    }
    exponent_ = static_cast<int>(state[0]);
    conversions_ = static_cast<std::int64_t>(state[1]);
    history_.assign(history.begin(), history.end());
    return true;
  }

 private:
  FlexFormat format_;
  int exponent_ = 0;
  std::int64_t conversions_ = 0;
  std::vector<double> history_;
};

class Flexpoint final : public TwosComplement {
 public:
  explicit Flexpoint(const FlexFormat& record) : TwosComplement(record.bits), record_(record) {}

  std::string name() const override {
    constexpr FlexFormat usual;
    std::string options;
    const auto add = [&](std::string_view option, int value, int otherwise) {
      if (value != otherwise) {
        options += fmt::format("{}{}={}", options.empty() ? ":" : ",", option, value);
      }
    };
    add("history", record_.history, usual.history);
    add("deviations", record_.deviations, usual.deviations);
    add("offset", record_.offset, usual.offset);
    return fmt::format("flex{}+{}{}", record_.bits, record_.exponent_bits, options);
  }
  int block_exponent(float absmax) const override { return flex_first_exponent(absmax, record_); }
  std::unique_ptr<ExponentController> make_controller() const override {
    return std::make_unique<FlexController>(record_);
  }

  FormatFacts facts() const override {
    FormatFacts facts = code_facts();
    facts.notes = fmt::format(
        "codes {}..{} times 2^E_s, {} <= E_s <= 0; in training E_s is predicted from the largest codes of the last {} "
        "steps; a single conversion, as the first one in training, is repeated with other E_s from 2^{} on until it "
        "fits",
        -limit(), limit() - 1, record_.lowest(), record_.history, std::max(first_scale, record_.lowest()));
    return facts;
  }

 private:
  FlexFormat record_;
};

}  // namespace

int flex_first_exponent(float absmax, const FlexFormat& format) {
  const std::uint64_t too_large = (std::uint64_t{1} << (format.bits - 1)) - 1;
  const std::uint64_t enough = std::uint64_t{1} << (format.bits - 2);
  const std::uint64_t reliable = std::uint64_t{1} << std::max((format.bits - 1) / 2 - 2, 1);
  int exponent = std::max(first_scale, format.lowest());
  for (int tries = 0; tries < most_tries; ++tries) {
    const std::uint64_t largest = std::min(round_to_step(exact(absmax), exponent, {}, 0), too_large);
    const std::uint64_t g = largest + 1;
    if (g >= enough && g < too_large) {
      return exponent;
    }
    const int move = g >= too_large ? (format.bits - 1) / 2 : static_cast<int>(std::bit_width(g)) - (format.bits - 1);
    exponent = std::clamp(exponent + move, format.lowest(), 0);
    if (g < enough && g >= reliable) {
      return exponent;
    }
  }
  return 0;
}

int flex_next_exponent(std::span<const double> history, int exponent, bool rarely, const FlexFormat& format) {
  double y = 0;
  if (rarely) {
    const std::span<const double> recent = history.last(std::min<std::size_t>(2, history.size()));
    y = std::max(recent.front(), recent.back()) + power_of_two(format.bits - 4 + exponent);
  } else {
    const auto n = static_cast<double>(history.size());
    double largest = 0;
    double sum = 0;
    for (const double x : history) {
      largest = std::max(largest, x);
      sum += x;
    }
    const double mean = sum / n;
    double squares = 0;
    for (const double x : history) {
      squares += (x - mean) * (x - mean);
    }
    y = (largest + format.deviations * std::sqrt(squares / n)) +
        format.offset * power_of_two(format.bits - 16 + exponent);
  }
  if (y == 0) {
    return 0;
  }
  const Exact parts = exact(y);
  const int highest_bit = static_cast<int>(std::bit_width(parts.magnitude)) - 1 + parts.exponent;
  return std::clamp(highest_bit - (format.bits - 2), format.lowest(), 0);
}

FormatPtr make_flex(const FlexFormat& format) {
  return std::make_shared<Flexpoint>(format);
}

FormatPtr parse_flex_family(const ParsedName& parsed) {
  const std::string_view base = parsed.base;
  if (!base.starts_with("flex")) {
    return nullptr;
  }
  const std::size_t plus = base.find('+');
  std::int64_t bits = 0;
  std::int64_t exponent_bits = 0;
  if (plus == std::string_view::npos || !parse_integer(base.substr(4, plus - 4), 4, 16, bits) ||
      !parse_integer(base.substr(plus + 1), 1, 7, exponent_bits)) {
    throw UserError(fmt::format("format '{}': flexP+m needs P from 4 to 16 and m from 1 to 7", parsed.text));
  }
  FlexFormat format;
  format.bits = static_cast<int>(bits);
  format.exponent_bits = static_cast<int>(exponent_bits);
  OptionReader options(parsed, "format");
  format.history = options.integer("history", 2, 64, format.history);
  format.deviations = options.integer("deviations", 0, 16, format.deviations);
  format.offset = options.integer("offset", 0, 16384, format.offset);
  options.finish();
  return make_flex(format);
}

}  // namespace precsim::formats
