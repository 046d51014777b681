// Section: the constants of every format of the catalogue.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "experiments/verify/catalogue_support.hpp"
#include "formats/catalogue.hpp"
#include "tests/oracle/mx_oracle.hpp"
#include "tests/oracle/named_formats.hpp"
#include "tests/support/oracle_bridge.hpp"

namespace precsim::verify {
namespace {

/// Compares facts of one name.
class Facts {
 public:
  Facts(const std::string& name, Tally& tally) : name_(name), tally_(tally) {}

  template <class Number>
  void hold(std::string_view what, Number expected, Number actual) {
    tally_.check(actual == expected, [&] {
      return Mismatch{fmt::format("{}: {}", name_, what), fmt::format("{}", expected), fmt::format("{}", actual)};
    });
  }

 private:
  const std::string& name_;
  Tally& tally_;
};

void hold_record(const std::string& name, Facts& facts) {
  const oracle::Format expected = oracle::named_format(name);
  const formats::FloatFormat record = support::float_record(name);
  facts.hold("bits of the exponent", expected.exponent_bits, record.exponent_bits);
  facts.hold("bits of the fraction", expected.fraction_bits, record.fraction_bits);
  facts.hold("bias", expected.bias, record.bias);
  facts.hold("has an infinity", expected.has_infinity, record.has_infinity);
  facts.hold("NaN codes of either sign", expected.nan_codes, record.nan_codes);
  facts.hold("overflow option (0 inf, 1 nan, 2 saturate)", static_cast<int>(expected.overflow),
             static_cast<int>(support::oracle_format(record).overflow));
  facts.hold("largest code", expected.largest_code(), record.largest_code());
}

void hold_float(const std::string& name, const formats::Format& format, Facts& facts) {
  const oracle::NamedFloat expected = oracle::named_float(name);
  const formats::FormatFacts printed = format.facts();
  const formats::FloatFormat record = support::float_record(name);
  hold_record(name, facts);
  facts.hold("width", expected.width, format.width());
  facts.hold("width as printed", expected.width, printed.width);
  facts.hold("largest", expected.largest, printed.largest);
  facts.hold("smallest normal", expected.smallest_normal, printed.smallest_normal);
  facts.hold("smallest", expected.smallest, printed.smallest);
  facts.hold("epsilon", expected.smallest / expected.smallest_normal, printed.epsilon);
  facts.hold("code of the largest", static_cast<float>(expected.largest),
             formats::decode(record, expected.format.largest_code()));
  facts.hold("takes NaN", expected.format.nan_codes != 0, format.takes_nan());
  constexpr float infinity = std::numeric_limits<float>::infinity();
  facts.hold("code of infinity", oracle::encode_nonfinite(expected.format, infinity_bits).value_or(0),
             formats::encode(record, infinity, {}, 0).value_or(0));
}

void hold_fixed(const std::string& name, const formats::Format& format, Facts& facts) {
  const oracle::NamedFixed expected = oracle::named_fixed(name);
  const double step = std::ldexp(1.0, expected.step_exponent);
  const formats::FormatFacts printed = format.facts();
  facts.hold("width", expected.width, format.width());
  facts.hold("step exponent", expected.step_exponent, format.block_exponent(1));
  facts.hold("largest", static_cast<double>(expected.largest) * step, printed.largest);
  facts.hold("step", step, printed.smallest);
  const float infinity = std::numeric_limits<float>::infinity();
  for (const auto& [x, code] : {std::pair{-infinity, expected.lowest}, {infinity, expected.largest}}) {
    float value = 0;
    formats::ConversionCounts counts;
    format.convert({&x, 1, 1, 0}, infinity, expected.step_exponent, {}, {}, {&value, nullptr}, counts);
    facts.hold("an end of the range", static_cast<float>(static_cast<double>(code) * step), value);
  }
}

void hold_dfp(const std::string& name, const formats::Format& format, Facts& facts) {
  const oracle::NamedDfp expected = oracle::named_dfp(name);
  facts.hold("width", expected.width, format.width());
  facts.hold("largest code", static_cast<double>(expected.largest), format.facts().largest);
  facts.hold("shared exponent of absmax 1", expected.exponent_of_one, format.block_exponent(1));
  for (const float x : {-0x1p100f, 0x1p100f}) {
    std::int16_t code = 0;
    float value = 0;
    formats::ConversionCounts counts;
    format.convert({&x, 1, 1, 0}, 1, 0, {}, {}, {&value, &code}, counts);
    facts.hold("an end of the range", x < 0 ? -expected.largest : expected.largest, std::int64_t{code});
  }
}

void hold_controlled(const std::string& name, const formats::Format& format, Facts& facts) {
  const oracle::NamedControlled expected = oracle::named_controlled(name);
  facts.hold("width", expected.width, format.width());
  facts.hold("largest code", static_cast<double>(expected.largest), format.facts().largest);
  facts.hold("first exponent of absmax 1", expected.exponent_of_one, format.block_exponent(1));
  facts.hold("has a controller", true, format.make_controller() != nullptr);
  for (const float x : {-0x1p100f, 0x1p100f}) {
    std::int16_t code = 0;
    float value = 0;
    formats::ConversionCounts counts;
    format.convert({&x, 1, 1, 0}, 1, 0, {}, {}, {&value, &code}, counts);
    facts.hold("an end of the range", x < 0 ? expected.lowest : expected.largest, std::int64_t{code});
  }
}

void hold_mx(const std::string& name, const formats::Format& format, Facts& facts) {
  bool known = false;
  for (const oracle::NamedMx& expected : oracle::named_mx()) {
    if (expected.name != name) {
      continue;
    }
    known = true;
    const formats::FormatFacts printed = format.facts();
    facts.hold("width", expected.width, format.width());
    facts.hold("width as printed", expected.width, printed.width);
    facts.hold("largest", expected.largest, printed.largest);
    facts.hold("smallest normal", expected.smallest_normal, printed.smallest_normal);
    facts.hold("smallest", expected.smallest, printed.smallest);
    facts.hold("epsilon", expected.epsilon, printed.epsilon);
    facts.hold("elements of a block", 32, format.blocking().size);
    for (int e = -149; e <= 127; ++e) {
      facts.hold(fmt::format("shared exponent of absmax 2^{}", e), std::max(-127, e - expected.emax),
                 format.block_exponent(std::ldexp(1.0f, e)));
    }
    facts.hold("shared exponent of zeros", -127, format.block_exponent(0));
    for (const float x : {-0x1p100f, 0x1p100f}) {
      float value = 0;
      formats::ConversionCounts counts;
      format.convert({&x, 1, 1, 0}, 1, 0, {}, {}, {&value, nullptr}, counts);
      facts.hold("an end of the range", static_cast<float>(x < 0 ? -expected.largest : expected.largest), value);
    }
  }
  facts.hold("known to the oracle", true, known);
}

void hold_name(const std::string& name, Tally& tally) {
  const formats::FormatPtr format = formats::parse_format(name);
  Facts facts(name, tally);
  if (name.starts_with("fix")) {
    hold_fixed(name, *format, facts);
  } else if (oracle::is_controlled(name)) {
    hold_controlled(name, *format, facts);
  } else if (name.starts_with("dfp")) {
    hold_dfp(name, *format, facts);
  } else if (name.starts_with("mx")) {
    hold_mx(name, *format, facts);
  } else {
    hold_float(name, *format, facts);
  }
}

}  // namespace

void hold_constants(Run& run) {
  run.serial([&](Tally& tally) {
    std::vector<std::string> names = formats::catalogue_names();
    for (const oracle::NamedFloat& row : oracle::named_floats()) {
      const std::string name(row.name);
      const bool listed = std::find(names.begin(), names.end(), name) != names.end();
      tally.check(listed, [&] { return Mismatch{name, "in the catalogue", "not there"}; });
      if (!listed) {
        names.push_back(name);
      }
    }
    for (int x = 2; x <= 8; ++x) {
      for (int y = 1; y <= 23; ++y) {
        names.push_back(fmt::format("e{}m{}", x, y));
      }
    }
    for (const std::string& name : names) {
      hold_name(name, tally);
    }
    run.covers(fmt::format("all {} names of the catalogue, all eXmY", names.size() - std::size_t{7 * 23}));
  });
}

}  // namespace precsim::verify
