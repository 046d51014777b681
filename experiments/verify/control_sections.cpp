// Sections: predicted and controlled exponents over histories of conversions.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>

#include "experiments/verify/integer_codes.hpp"
#include "experiments/verify/integer_operands.hpp"
#include "experiments/verify/tables.hpp"
#include "formats/catalogue.hpp"
#include "formats/convert_block.hpp"
#include "formats/flexpoint.hpp"
#include "formats/range_control.hpp"
#include "tests/oracle/control_oracle.hpp"
#include "tests/support/oracle_bridge.hpp"

namespace precsim::verify {
namespace {

using support::Sample;

constexpr std::uint32_t stream_first = 60, stream_histories = 61, stream_ranges = 62, stream_tensors = 63;

/// Histories of exponents that an exact oracle can hold: of formats whose exponents span 32 at most.
oracle::Flex random_flex(Sample& sample) {
  oracle::Flex flex;
  if (sample.below(3) == 0) {
    return flex;
  }
  flex.mantissa_bits = 4 + static_cast<int>(sample.below(13));
  flex.exponent_bits = 1 + static_cast<int>(sample.below(5));
  flex.history = 2 + static_cast<int>(sample.below(20));
  flex.deviations = static_cast<int>(sample.below(6));
  flex.offset = sample.below(4) == 0 ? 0 : static_cast<int>(sample.below(1000));
  return flex;
}

formats::FormatPtr in_library_words(const oracle::Flex& flex) {
  return formats::make_flex({flex.mantissa_bits, flex.exponent_bits, flex.history, flex.deviations, flex.offset});
}

void first_exponents(Run& run) {
  const std::uint64_t mantissas = run.by_depth<std::uint64_t>(40, 1000, 100000);
  run.parallel(255, [&](std::uint64_t field, Tally& tally) {
    Sample sample = sample_of(run, stream_first, field);
    for (std::uint64_t i = 0; i < mantissas; ++i) {
      const auto edge = static_cast<std::uint32_t>(i < 20 ? (i < 10 ? i : 0x800000u - (i - 9)) : sample.below(1 << 23));
      const std::uint32_t bits = static_cast<std::uint32_t>(field << 23) | edge;
      oracle::Flex flex = random_flex(sample);
      flex.exponent_bits = 1 + static_cast<int>(sample.below(7));
      const int expected = oracle::first_exponent(flex, bits);
      const int actual = in_library_words(flex)->block_exponent(std::bit_cast<float>(bits));
      tally.check(actual == expected, [&] {
        return Mismatch{fmt::format("{}, absmax 0x{:08x}", in_library_words(flex)->name(), bits),
                        fmt::format("{}", expected), fmt::format("{}", actual)};
      });
    }
  });
  run.covers(fmt::format("the ends of every octave and {} seeded magnitudes in it, seeded widths", mantissas - 20));
}

/// The largest code of the next conversion: a walk with steps of all sizes, zeros, overflows, the limit and beside it.
std::int64_t next_largest(std::int64_t last, const oracle::Flex& flex, Sample& sample) {
  const std::int64_t limit = std::int64_t{1} << (flex.mantissa_bits - 1);
  switch (sample.below(12)) {
    case 0:
      return 0;
    case 1:
      return limit - static_cast<std::int64_t>(sample.below(4));
    case 2:
    case 3:
      return last;
    case 4:
      return static_cast<std::int64_t>(sample.below(static_cast<std::uint64_t>(limit) + 1));
    default: {
      const auto part = static_cast<std::uint64_t>(limit / 8 + 1);
      return std::clamp<std::int64_t>(
          last + static_cast<std::int64_t>(sample.below(2 * part + 1)) - static_cast<std::int64_t>(part), 0, limit);
    }
  }
}

void hold_history(const oracle::Flex& flex, std::uint64_t length, Sample& sample, std::string_view origin,
                  Tally& tally) {
  const formats::FormatPtr format = in_library_words(flex);
  auto controller = format->make_controller();
  std::vector<oracle::Conversion> before;
  tally.check(!controller->exponent(0), [&] { return Mismatch{std::string(origin), "no exponent yet", "one"}; });
  int exponent = -static_cast<int>(sample.below((1u << flex.exponent_bits) + 1));
  std::int64_t largest = 0;
  std::int64_t step = 0;
  for (std::uint64_t i = 0; i < length; ++i) {
    largest = next_largest(largest, flex, sample);
    before.push_back({largest, exponent});
    controller->observe({static_cast<std::int32_t>(largest), 0, 0, 1}, exponent);
    if (sample.below(8) == 0) {
      const std::vector<double> saved = controller->state();
      controller = format->make_controller();
      tally.check(controller->restore(saved) && controller->state() == saved, [&] {
        return Mismatch{fmt::format("{}, {}", format->name(), origin), "restored", "not"};
      });
    }
    step += sample.below(40) == 0 ? 16 * static_cast<std::int64_t>(i + 1) : 1;
    const int expected = oracle::next_exponent(flex, before, step);
    const std::optional<int> actual = controller->exponent(step);
    tally.check(actual == expected, [&] {
      return Mismatch{fmt::format("{}, conversion {} of {}, step {}", format->name(), i + 1, origin, step),
                      fmt::format("{}", expected), fmt::format("{}", actual.value_or(999))};
    });
    exponent = expected;
  }
}

void histories(Run& run) {
  const std::uint64_t count = run.by_depth<std::uint64_t>(4000, 100000, 3000000);
  run.parallel(count, [&](std::uint64_t part, Tally& tally) {
    Sample sample = sample_of(run, stream_histories, part);
    hold_history(random_flex(sample), 1 + sample.below(60), sample, origin_of(run, stream_histories, part), tally);
  });
  run.covers(fmt::format("{} seeded histories of up to 60 conversions, a third of them flex16+5, m up to 5", count));
}

oracle::Range random_range(Sample& sample) {
  constexpr double rates[] = {1e-4, 0, 0.01, 0.25, 3e-4, 0.125, 0.1};
  return {3 + static_cast<int>(sample.below(14)), static_cast<int>(sample.below(129)) - 64,
          1 + static_cast<int>(sample.below(6)), rates[sample.below(7)]};
}

/// Codes of which about as many overflow as are allowed.
std::vector<std::int16_t> codes_near_the_rate(const oracle::Range& range, Sample& sample) {
  const std::int32_t limit = (1 << (range.bits - 1)) - 1;
  std::vector<std::int16_t> codes(sample.below(2) == 0 ? 10000 : 1 + sample.below(3000));
  const auto allowed = static_cast<std::uint64_t>(range.overflow * static_cast<double>(codes.size()));
  const std::uint64_t large = allowed + sample.below(3);
  const std::uint64_t kind = sample.below(3);
  for (std::uint64_t i = 0; i < large && i < codes.size(); ++i) {
    const std::int32_t size = kind == 0 ? limit : kind == 1 ? (limit + 1) / 2 : limit / 2;
    codes[i] = static_cast<std::int16_t>(sample.below(2) == 0 ? size : -size - (size == limit ? 1 : 0));
  }
  return codes;
}

void ranges(Run& run) {
  const std::uint64_t count = run.by_depth<std::uint64_t>(60, 1000, 30000);
  run.parallel(count, [&](std::uint64_t part, Tally& tally) {
    Sample sample = sample_of(run, stream_ranges, part);
    const oracle::Range range = random_range(sample);
    const formats::FormatPtr format = formats::make_dfxp({range.bits, range.range, range.every, range.overflow});
    auto controller = format->make_controller();
    std::vector<std::vector<std::int32_t>> batches;
    for (int i = 0; i < 20; ++i) {
      const std::vector<std::int16_t> codes = codes_near_the_rate(range, sample);
      batches.emplace_back(codes.begin(), codes.end());
      controller->observe(formats::count_codes(codes, range.bits), 0);
      const std::vector<double> saved = controller->state();
      controller = format->make_controller();
      const bool restored = controller->restore(saved);
      const int expected = oracle::range_after(range, batches) - (range.bits - 1);
      tally.check(restored && controller->exponent(i) == expected, [&] {
        return Mismatch{fmt::format("{}, batch {} of {}", format->name(), i + 1, origin_of(run, stream_ranges, part)),
                        fmt::format("exponent {}", expected),
                        fmt::format("exponent {}", controller->exponent(i).value_or(999))};
      });
    }
  });
  run.covers(fmt::format("{} seeded sequences of 20 batches around the rate allowed, saved and restored", count));
}

/// A tensor whose scale wanders, converted again and again: its exponents and codes against the oracles', which have
/// nothing but the numbers.
class Tensors {
 public:
  Tensors(const Run& run, std::uint64_t part)
      : sample_(sample_of(run, stream_tensors, part)),
        origin_(origin_of(run, stream_tensors, part)),
        is_flex_(sample_.below(2) == 0),
        flex_(random_flex(sample_)),
        range_{3 + static_cast<int>(sample_.below(14)), static_cast<int>(sample_.below(9)) - 4,
               1 + static_cast<int>(sample_.below(3)), 0.01},
        format_(is_flex_ ? in_library_words(flex_)
                         : formats::make_dfxp({range_.bits, range_.range, range_.every, range_.overflow})),
        rounding_{support::every_rounding()[sample_.below(support::every_rounding().size())]} {}

  void hold(Tally& tally) {
    const auto controller = format_->make_controller();
    float scale = std::ldexp(1.0f, static_cast<int>(sample_.below(12)) - 8);
    for (int step = 0; step < 24; ++step) {
      scale *= sample_.below(6) == 0 ? 16.0f : sample_.below(3) == 0 ? 0.4f : 1.1f;
      std::vector<float> x(1 + sample_.below(300));
      float absmax = 0;
      for (float& value : x) {
        value = scale * sample_.normal_float(-6, 1);
        absmax = std::max(absmax, std::fabs(value));
      }
      convert(*controller, x, absmax, step, tally);
    }
  }

 private:
  void convert(formats::ExponentController& controller, const std::vector<float>& x, float absmax, int step,
               Tally& tally) {
    const formats::RandomBits random{7, formats::Stream::rounding, static_cast<std::uint32_t>(step), 1, 0};
    const int exponent = controller.exponent(step).value_or(format_->block_exponent(absmax));
    std::vector<std::int16_t> codes(x.size());
    formats::ConversionCounts counts;
    formats::convert_block(*format_, {x.data(), static_cast<std::int64_t>(x.size()), 1, 0}, 0, exponent, rounding_,
                           random, {nullptr, codes.data()}, counts);
    controller.observe(formats::count_codes(codes, format_->width()), exponent);
    const int expected = expected_exponent(absmax, step);
    std::vector<std::int32_t> expected_codes;
    std::int64_t largest = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const oracle::Place place = oracle::place_on_grid(std::bit_cast<std::uint32_t>(x[i]) & 0x7fffffffu, expected);
      const std::uint64_t magnitude =
          oracle::decide(place, x[i] < 0, support::oracle_mode(rounding_.mode), rounding_.bits,
                         rounding_.is_stochastic() ? oracle_word(random, i) : 0);
      expected_codes.push_back(
          static_cast<std::int32_t>(expected_fixed_code(magnitude, x[i] < 0, format_->width()).code));
      largest = std::max<std::int64_t>(largest, std::abs(expected_codes.back()));
    }
    const bool equal = exponent == expected && std::equal(codes.begin(), codes.end(), expected_codes.begin());
    tally.check(equal, [&] {
      return Mismatch{fmt::format("{}@{}, step {}, {}", format_->name(), formats::name(rounding_), step, origin_),
                      fmt::format("codes under exponent {}", expected), fmt::format("others, under {}", exponent)};
    });
    before_.push_back({largest, expected});
    batches_.push_back(std::move(expected_codes));
  }

  int expected_exponent(float absmax, int step) const {
    if (!is_flex_) {
      return oracle::range_after(range_, batches_) - (range_.bits - 1);
    }
    return before_.empty() ? oracle::first_exponent(flex_, std::bit_cast<std::uint32_t>(absmax))
                           : oracle::next_exponent(flex_, before_, step);
  }

  Sample sample_;
  std::string origin_;
  bool is_flex_;
  oracle::Flex flex_;
  oracle::Range range_;
  formats::FormatPtr format_;
  formats::Rounding rounding_;
  std::vector<oracle::Conversion> before_;
  std::vector<std::vector<std::int32_t>> batches_;
};

void tensors(Run& run) {
  const std::uint64_t count = run.by_depth<std::uint64_t>(300, 6000, 200000);
  run.parallel(count, [&](std::uint64_t part, Tally& tally) { Tensors(run, part).hold(tally); });
  run.covers(fmt::format("{} seeded sequences of 24 tensors, every rounding", count));
}

constexpr Section table[] = {
    {"control/first_exponent", "flexP+m: what repeating the first conversion of a tensor finds", "exact quotients",
     nullptr, first_exponents},
    {"control/prediction", "flexP+m: exponents predicted from histories, overflows, rare conversions, saved states",
     "128-bit integers; FP64 beside powers of two", nullptr, histories},
    {"control/ranges", "dfxpN: ranges moved by overflow rates at and beside the rate allowed", "exact fractions",
     nullptr, ranges},
    {"control/tensors", "flexP+m and dfxpN: exponents and codes of tensors converted again and again, every rounding",
     "exact quotients, 128-bit integers", nullptr, tensors},
};

}  // namespace

std::span<const Section> control_sections() {
  return table;
}

}  // namespace precsim::verify
