// Range control: the controller, and the family "dfxpN:range=,every=,overflow=".
#include "formats/range_control.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "formats/families.hpp"
#include "formats/twos_complement.hpp"

namespace precsim::formats {
namespace {

constexpr double exact_integers = 9007199254740992;  // 2^53

class RangeController final : public ExponentController {
 public:
  explicit RangeController(const RangeFormat& format) : format_(format), range_(format.range) {}

  std::optional<int> exponent(std::int64_t) const override { return range_ - (format_.bits - 1); }

  void observe(const CodeCounts& codes, int) override {
    seen_.join(codes);
    if (++batches_ < format_.every) {
      return;
    }
    range_ = next_range(range_, seen_.at_limit, seen_.above_half, seen_.elements, format_);
    batches_ = 0;
    seen_ = {};
  }

  /// Range; of the batches since it was last decided: their number, codes at the limit, above half, all.
  std::vector<double> state() const override {
    return {static_cast<double>(range_), static_cast<double>(batches_), static_cast<double>(seen_.at_limit),
            static_cast<double>(seen_.above_half), static_cast<double>(seen_.elements)};
  }

  bool restore(std::span<const double> state) override {
    if (state.size() != 5) {
      return false;
    }
    const double most[5] = {highest_range, format_.every - 1.0, state[3], state[4], exact_integers};
    for (std::size_t i = 0; i < 5; ++i) {
      if (!(state[i] >= (i == 0 ? lowest_range : 0)) || !(state[i] <= most[i]) || state[i] != std::floor(state[i])) {
        return false;
      }
    }
    range_ = static_cast<int>(state[0]);
    batches_ = static_cast<int>(state[1]);
    seen_ = {0, static_cast<std::uint64_t>(state[2]), static_cast<std::uint64_t>(state[3]),
             static_cast<std::uint64_t>(state[4])};
    return true;
  }

 private:
  RangeFormat format_;
  int range_;
  int batches_ = 0;
  CodeCounts seen_;
};

class ControlledRange final : public TwosComplement {
 public:
  explicit ControlledRange(const RangeFormat& record) : TwosComplement(record.bits), record_(record) {}

  std::string name() const override {
    constexpr RangeFormat usual;
    std::string options;
    const auto add = [&](std::string_view option, auto value, auto otherwise) {
      if (value != otherwise) {
        options += fmt::format("{}{}={}", options.empty() ? ":" : ",", option, value);
      }
    };
    add("range", record_.range, usual.range);
    add("every", record_.every, usual.every);
    add("overflow", record_.overflow, usual.overflow);
    return fmt::format("dfxp{}{}", record_.bits, options);
  }
  int block_exponent(float) const override { return record_.range - (record_.bits - 1); }
  std::unique_ptr<ExponentController> make_controller() const override {
    return std::make_unique<RangeController>(record_);
  }

  FormatFacts facts() const override {
    FormatFacts facts = code_facts();
    facts.notes = fmt::format(
        "codes {}..{} times 2^(range - {}); a single conversion has range {}; in training the range starts there and "
        "every {} steps rises by one if a share of more than {} overflowed, or falls by one if no more than that would "
        "overflow half of it",
        -limit(), limit() - 1, record_.bits - 1, record_.range, record_.every, record_.overflow);
    return facts;
  }

 private:
  RangeFormat record_;
};

}  // namespace

int next_range(int range, std::uint64_t at_limit, std::uint64_t above_half, std::uint64_t elements,
               const RangeFormat& format) {
  const auto rate = [&](std::uint64_t count) {
    return elements == 0 ? 0 : static_cast<double>(count) / static_cast<double>(elements);
  };
  const int move = rate(at_limit) > format.overflow ? 1 : rate(above_half) <= format.overflow ? -1 : 0;
  return std::clamp(range + move, lowest_range, highest_range);
}

FormatPtr make_dfxp(const RangeFormat& format) {
  return std::make_shared<ControlledRange>(format);
}

FormatPtr parse_dfxp_family(const ParsedName& parsed) {
  if (!parsed.base.starts_with("dfxp")) {
    return nullptr;
  }
  std::int64_t bits = 0;
  if (!parse_integer(std::string_view(parsed.base).substr(4), 3, 16, bits)) {
    throw UserError(fmt::format("format '{}': dfxpN needs N, the sign included, from 3 to 16", parsed.text));
  }
  RangeFormat format;
  format.bits = static_cast<int>(bits);
  OptionReader options(parsed, "format");
  format.range = options.integer("range", lowest_range, highest_range, format.range);
  format.every = options.integer("every", 1, 1'000'000, format.every);
  format.overflow = options.real("overflow", 0, 1, format.overflow);
  options.finish();
  return make_dfxp(format);
}

}  // namespace precsim::formats
