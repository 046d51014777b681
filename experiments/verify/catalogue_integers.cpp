// Sections: fixed point and dynamic fixed point of the catalogue, through Format::convert; refusals of every format.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "experiments/verify/catalogue_support.hpp"
#include "experiments/verify/integer_codes.hpp"
#include "formats/convert.hpp"
#include "formats/error.hpp"
#include "tests/oracle/named_formats.hpp"

namespace precsim::verify {
namespace {

using formats::RandomBits;

/// A format of integer codes in steps of 2^exponent, by its definition.
struct Integers {
  formats::FormatPtr format;
  int exponent = 0;
  bool fixed = false;
  formats::DfpFormat dfp;
  int width = 0;
  std::int64_t largest = 0;

  IntegerCode code(std::uint64_t steps, bool negative) const {
    return fixed ? expected_fixed_code(steps, negative, width) : expected_dfp_code(steps, negative, dfp);
  }
};

std::vector<Integers> fixed_formats() {
  std::vector<Integers> all;
  for (const char* name : {"fix8.8", "fix4.4", "fix8.16", "fix1.15", "fix2.0", "fix16.0", "fix1.31", "fix32.0"}) {
    const oracle::NamedFixed fixed = oracle::named_fixed(name);
    all.push_back({formats::parse_format(name), fixed.step_exponent, true, {}, fixed.width, fixed.largest});
  }
  return all;
}

/// Controlled exponents: the ends of their range, and some between.
std::vector<Integers> controlled_formats() {
  std::vector<Integers> all;
  const auto add = [&](const char* name, std::initializer_list<int> exponents) {
    const oracle::NamedControlled named = oracle::named_controlled(name);
    for (const int exponent : exponents) {
      all.push_back({formats::parse_format(name), exponent, true, {}, named.width, named.largest});
    }
  };
  add("flex16+5", {0, -14, -32});
  add("flex16+7", {-128});
  add("flex8+5", {0, -9, -32});
  add("flex4+2", {-4});
  add("dfxp12", {-6, -75, 53});
  add("dfxp10:range=2", {-7});
  add("dfxp3", {-66, 62});
  add("dfxp16", {49});
  return all;
}

/// The exponents that absmax 1, the smallest and the largest FP32 number, and the smallest normal one lead to.
std::vector<Integers> dfp_formats() {
  std::vector<Integers> all;
  for (const formats::TopRule top : {formats::TopRule::saturate, formats::TopRule::wrap}) {
    for (const auto& [bits, headroom] :
         {std::pair{16, 0}, {16, 1}, {16, 14}, {12, 0}, {8, 0}, {8, 3}, {4, 0}, {2, 0}}) {
      const formats::DfpFormat dfp{bits, headroom, top, {formats::BlockKind::tensor, 0}};
      for (const int exponent_of_absmax : {0, -149, 127, -126}) {
        all.push_back({formats::make_dfp(dfp), exponent_of_absmax - (bits - 2) + headroom, false, dfp, bits,
                       (std::int64_t{1} << (bits - 1 - headroom)) - 1});
      }
    }
  }
  return all;
}

/// The FP32 numbers at `code` + eighths of a step, and those beside them, as far as they are finite; both signs.
std::vector<float> points(const Integers& kind, const std::vector<std::uint64_t>& codes) {
  std::vector<float> x;
  for (const std::uint64_t code : codes) {
    for (int eighth = 0; eighth < 8; ++eighth) {
      const double exact = std::ldexp(static_cast<double>(code) + eighth / 8.0, kind.exponent);
      const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(std::min(exact, 0x1.fffffep127)));
      for (const std::uint32_t beside : {bits - 1, bits, bits + 1}) {
        if (beside < infinity_bits) {
          x.push_back(std::bit_cast<float>(beside));
          x.push_back(-x.back());
        }
      }
    }
  }
  return x;
}

/// Converts x as one block under the kind's exponent and holds values, codes and the count of saturated elements.
void hold_block(const Integers& kind, const std::vector<float>& x, const std::vector<oracle::Place>& places,
                const Mode& mode, const RandomBits& random, Tally& tally) {
  std::vector<float> values(x.size());
  std::vector<std::int16_t> codes(kind.format->kind() == formats::OperandKind::integer ? x.size() : 0);
  formats::ConversionCounts counts;
  const int exponent =
      kind.format->convert({x.data(), static_cast<std::int64_t>(x.size()), 1, 0}, 1, kind.exponent, mode.library,
                           random, {values.data(), codes.empty() ? nullptr : codes.data()}, counts);
  std::uint64_t saturated = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const bool negative = std::signbit(x[i]);
    const std::uint32_t word = mode.library.is_stochastic() ? oracle_word(random, i) : 0;
    const IntegerCode expected =
        kind.code(oracle::decide(places[i], negative, mode.oracle, mode.library.bits, word), negative);
    const auto value = static_cast<float>(std::ldexp(static_cast<double>(expected.code), kind.exponent));
    saturated += expected.saturated ? 1 : 0;
    tally.check(values[i] == value && (codes.empty() || codes[i] == expected.code), [&] {
      return Mismatch{fmt::format("{} exponent {} {}", kind.format->name(), kind.exponent,
                                  describe(std::bit_cast<std::uint32_t>(x[i]), mode.library, word)),
                      fmt::format("code {} value {}", expected.code, bits_and_value(value)),
                      fmt::format("code {} value {}", codes.empty() ? 0 : codes[i], bits_and_value(values[i]))};
    });
  }
  tally.check(counts.saturated == saturated && exponent == kind.exponent && counts.refused == -1, [&] {
    return Mismatch{fmt::format("{}@{} exponent {}, block {} of seed {}: {} numbers from {}", kind.format->name(),
                                formats::name(mode.library), kind.exponent, random.tensor, random.seed, x.size(),
                                bits_and_value(x.front())),
                    fmt::format("{} saturated, exponent {}", saturated, kind.exponent),
                    fmt::format("{} saturated, exponent {}", counts.saturated, exponent)};
  });
}

/// The lowest codes, and those around the largest.
std::vector<std::uint64_t> end_codes(std::uint64_t codes) {
  std::vector<std::uint64_t> ends;
  for (std::uint64_t i = 0; i < 12; ++i) {
    ends.push_back(i);
    ends.push_back(std::max<std::uint64_t>(8, codes) - 8 + i);
  }
  return ends;
}

void hold_codes(Run& run, const std::vector<Integers>& kinds, std::uint64_t codes_visited) {
  const std::vector<Mode> modes = every_mode({32, 8, 1});
  constexpr std::uint64_t codes_of_part = 128;
  for (const Integers& kind : kinds) {
    const std::uint64_t codes = static_cast<std::uint64_t>(kind.largest) + 4;
    const std::uint64_t visited = std::min(codes, codes_visited);
    const std::uint64_t seed = scramble(run.seed() ^ codes);
    const std::uint64_t parts = (visited + codes_of_part - 1) / codes_of_part;
    run.parallel(parts + 1, [&](std::uint64_t part, Tally& tally) {
      std::vector<std::uint64_t> chosen;
      for (std::uint64_t i = part * codes_of_part; i < std::min(visited, (part + 1) * codes_of_part); ++i) {
        chosen.push_back(drawn_code(i, visited, codes, seed));
      }
      const RandomBits random{run.seed(), formats::Stream::rounding, 0, static_cast<std::uint32_t>(part), 0};
      const std::vector<float> x = points(kind, part == parts ? end_codes(codes) : chosen);
      std::vector<oracle::Place> places;
      for (const float point : x) {
        places.push_back(oracle::place_on_grid(std::bit_cast<std::uint32_t>(point) & magnitude_mask, kind.exponent));
      }
      for (const Mode& mode : modes) {
        hold_block(kind, x, places, mode, random, tally);
      }
    });
  }
  run.covers(
      fmt::format("all codes of formats that have at most {}, that many seeded codes of others and both ends; one "
                  "random word for each number",
                  codes_visited));
}

/// For each of the 2^bits draws, an element whose random word begins with it.
std::vector<std::size_t> elements_by_draw(const RandomBits& random, int bits, std::size_t elements) {
  std::vector<std::size_t> of_draw(std::size_t{1} << bits, elements);
  for (std::size_t i = 0; i < elements; ++i) {
    std::size_t& element = of_draw[oracle_word(random, i) >> (32 - bits)];
    element = std::min(element, i);
  }
  PRECSIM_CHECK(std::find(of_draw.begin(), of_draw.end(), elements) == of_draw.end(), "a draw without an element");
  return of_draw;
}

/// An array of one number, of which the elements with all draws sum to 2^bits times that number.
void hold_draws(const Integers& kind, const std::vector<std::size_t>& of_draw, float x, int bits,
                const RandomBits& random, Tally& tally) {
  const std::vector<float> array(*std::max_element(of_draw.begin(), of_draw.end()) + 1, x);
  std::vector<float> values(array.size());
  formats::ConversionCounts counts;
  const formats::Rounding rounding{formats::RoundingMode::stochastic, static_cast<std::uint8_t>(bits)};
  kind.format->convert({array.data(), static_cast<std::int64_t>(array.size()), 1, 0}, 1, kind.exponent, rounding,
                       random, {values.data(), nullptr}, counts);
  std::int64_t sum = 0;
  for (const std::size_t element : of_draw) {
    sum += static_cast<std::int64_t>(std::ldexp(static_cast<double>(values[element]), -kind.exponent));
  }
  const double steps = std::ldexp(static_cast<double>(x), bits - kind.exponent);
  const auto expected = static_cast<std::int64_t>(std::trunc(steps));
  tally.check(sum == expected, [&] {
    return Mismatch{fmt::format("{}@stochastic:bits={} exponent {} {}, all draws of seed {}", kind.format->name(), bits,
                                kind.exponent, bits_and_value(x), random.seed),
                    fmt::format("a sum of {} steps", expected), fmt::format("{}", sum)};
  });
}

/// What the contract says of NaN and infinities.
struct Special {
  bool nan, infinity;
};
Special takes(const std::string& name) {
  if (name.starts_with("fix")) {
    return {false, true};
  }
  if (name.starts_with("dfp") || name.starts_with("mx") || oracle::is_controlled(name)) {
    return {false, false};
  }
  return {oracle::named_format(name).nan_codes != 0, true};
}

/// What arrays of halves with one special element at `index` become: the special element's value, or the error's text.
void hold_refusal(const std::string& name, float special, std::size_t index, Tally& tally) {
  const formats::FormatPtr format = formats::parse_format(name);
  const bool taken = std::isnan(special) ? takes(name).nan : takes(name).infinity;
  std::vector<float> x(7, 0.5f);
  x[index] = special;
  std::string outcome = "converted";
  try {
    const auto out = formats::convert(x, 7, {format, {}}, {}, "layer1/weights");
    if (format->kind() == formats::OperandKind::floating) {
      const auto code = oracle::encode_nonfinite(target(name).oracle, std::bit_cast<std::uint32_t>(special));
      outcome = same(out.values[index], oracle::fp32_of(target(name).oracle, code.value_or(0))) ? outcome : "changed";
    } else {
      const oracle::NamedFixed fixed = oracle::named_fixed(name);
      const auto edge = static_cast<double>(special < 0 ? fixed.lowest : fixed.largest);
      const auto value = static_cast<float>(std::ldexp(edge, fixed.step_exponent));
      outcome = out.values[index] == value ? outcome : "changed";
    }
  } catch (const UserError& error) {
    const std::string text = error.what();
    const bool names_it = text.find("layer1/weights") != std::string::npos &&
                          text.find(fmt::format("element {} ", index)) != std::string::npos;
    outcome = names_it ? "refused" : text;
  }
  tally.check(outcome == (taken ? "converted" : "refused"), [&] {
    return Mismatch{fmt::format("{}: {} as element {} of seven halves", name, bits_and_value(special), index),
                    taken ? "converted" : "refused, naming tensor and index", outcome};
  });
}

}  // namespace

void hold_fixed_codes(Run& run) {
  hold_codes(run, fixed_formats(), run.by_depth<std::uint64_t>(512, 1 << 16, 1 << 20));
}

void hold_dfp_codes(Run& run) {
  hold_codes(run, dfp_formats(), run.by_depth<std::uint64_t>(128, 4096, 1 << 16));
}

void hold_controlled_codes(Run& run) {
  hold_codes(run, controlled_formats(), run.by_depth<std::uint64_t>(128, 4096, 1 << 16));
}

void hold_integer_draws(Run& run) {
  std::vector<Integers> kinds = fixed_formats();
  const std::vector<Integers> dfp = dfp_formats();
  std::copy_if(dfp.begin(), dfp.end(), std::back_inserter(kinds),
               [](const Integers& kind) { return kind.dfp.top == formats::TopRule::saturate; });
  const RandomBits random{run.seed(), formats::Stream::rounding, 1, 2, 3};
  const std::vector<int> widths{1, 2, 4, 8};
  std::vector<std::vector<std::size_t>> of_draw;
  for (const int bits : widths) {
    of_draw.push_back(elements_by_draw(random, bits, std::size_t{16} << bits << (bits > 4 ? 0 : 2)));
  }
  const int numbers = run.by_depth(8, 256, 8192);
  run.parallel(kinds.size() * static_cast<std::uint64_t>(numbers), [&](std::uint64_t part, Tally& tally) {
    const Integers& kind = kinds[part % kinds.size()];
    std::uint64_t seed = scramble(run.seed() ^ part);
    for (std::size_t i = 0; i < widths.size(); ++i) {
      seed = scramble(seed);
      const std::int64_t codes = std::min<std::int64_t>(kind.largest, 1 << 14);
      const double code = static_cast<double>(seed % static_cast<std::uint64_t>(codes));
      const double fraction = std::ldexp(static_cast<double>(seed >> 40 & 511), -9);
      const auto x =
          static_cast<float>(std::ldexp((seed >> 63) != 0 ? -(code + fraction) : code + fraction, kind.exponent));
      hold_draws(kind, of_draw[i], x, widths[i], random, tally);
    }
  });
  run.covers(
      fmt::format("{} seeded numbers for each of {} formats and exponents, 1, 2, 4 and 8 bits", numbers, kinds.size()));
}

void hold_refusals(Run& run) {
  run.serial([](Tally& tally) {
    std::vector<std::string> names = formats::catalogue_names();
    for (const Target& to : float_targets()) {
      names.push_back(to.name);
    }
    for (const std::string& name : names) {
      const formats::FormatPtr format = formats::parse_format(name);
      tally.check(format->takes_nan() == takes(name).nan && format->takes_infinity() == takes(name).infinity, [&] {
        return Mismatch{name, fmt::format("takes NaN {}, infinity {}", takes(name).nan, takes(name).infinity),
                        fmt::format("{}, {}", format->takes_nan(), format->takes_infinity())};
      });
      constexpr float infinity = std::numeric_limits<float>::infinity();
      for (const float special :
           {infinity, -infinity, std::bit_cast<float>(0x7fc00001u), std::bit_cast<float>(0xff812345u)}) {
        for (const std::size_t index : {std::size_t{0}, std::size_t{3}, std::size_t{6}}) {
          hold_refusal(name, special, index, tally);
        }
      }
    }
  });
  run.covers("both infinities and two NaN at three places of arrays of every name and overflow option");
}

}  // namespace precsim::verify
