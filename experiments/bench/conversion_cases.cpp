// Array conversions: FP32 to codes and back, and the passes that go with them, against a plain copy.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiments/bench/ceiling.hpp"
#include "experiments/bench/data.hpp"
#include "formats/catalogue.hpp"
#include "formats/convert_block.hpp"
#include "formats/error.hpp"
#include "formats/statistics.hpp"

namespace precsim::bench {
namespace {

using formats::RandomBits;
using formats::Rounding;
using formats::RoundingMode;

constexpr std::int64_t usual_count = std::int64_t{1} << 24;
constexpr std::int64_t tiny_count = 1000;
constexpr std::int64_t sampled_elements = 4096;
constexpr std::int16_t poison = 0x5555;

struct DataSet {
  std::string_view name;
  std::string_view fill;
  std::int64_t count;
};
constexpr DataSet data_sets[] = {
    {"normal", "normal", usual_count}, {"wide", "wide", usual_count}, {"tiny", "normal", tiny_count}};

struct FormatRow {
  std::string_view name;
  bool full_only = false;
};
constexpr FormatRow format_rows[] = {{"fp16"}, {"bf16"}, {"dfp16"}, {"fp8_e4m3fn", true}, {"dfp8", true}};
constexpr Rounding rounding_rows[] = {{}, {RoundingMode::stochastic}};

/// One array and how it is converted; every thread works on a share of its own.
struct Array {
  formats::FormatPtr format;
  std::vector<float> x;
  float absmax = 0;
  int exponent = 0;
  RandomBits bits{.seed = 3};

  std::int64_t count() const { return static_cast<std::int64_t>(x.size()); }
};
using ArrayPtr = std::shared_ptr<const Array>;
using Codes = std::vector<std::int16_t>;

ArrayPtr make_array(const DataSet& data, std::string_view format) {
  Array array{formats::parse_format(format), filled_values(data.fill, data.count, 1)};
  array.absmax = formats::extent(array.x.data(), array.count()).absmax;
  array.exponent = array.format->block_exponent(array.absmax);
  return std::make_shared<const Array>(std::move(array));
}

void encode(const Array& array, Rounding rounding, const formats::ArrayKernel& kernel, Codes& codes) {
#pragma omp parallel
  {
    const Share share = own_share(array.count());
    formats::ConversionCounts counts;
    formats::convert_block(
        *array.format,
        {array.x.data() + share.begin, share.end - share.begin, 1, static_cast<std::uint64_t>(share.begin)},
        array.absmax, array.exponent, rounding, array.bits, {nullptr, codes.data() + share.begin}, counts, kernel);
  }
}

void decode(const Array& array, const Codes& codes, const formats::ArrayKernel& kernel, std::vector<float>& values) {
#pragma omp parallel
  {
    const Share share = own_share(array.count());
    formats::decode_block(*array.format, codes.data() + share.begin, share.end - share.begin, array.exponent,
                          values.data() + share.begin, kernel);
  }
}

/// The code of one element by the scalar definition.
std::int16_t scalar_code(const Array& array, Rounding rounding, std::int64_t i) {
  const float x = array.x[static_cast<std::size_t>(i)];
  const auto index = static_cast<std::uint64_t>(i);
  const formats::CodeRule rule = array.format->code_rule();
  if (const auto* floating = std::get_if<formats::FloatFormat>(&rule)) {
    return static_cast<std::int16_t>(*formats::encode(*floating, x, rounding, array.bits.word(index)));
  }
  float value = 0;
  std::int16_t code = 0;
  formats::ConversionCounts counts;
  array.format->convert({&x, 1, 1, index}, array.absmax, array.exponent, rounding, array.bits, {&value, &code}, counts);
  return code;
}

/// The value of a code by the scalar definition.
float scalar_value(const Array& array, std::int16_t code) {
  const formats::CodeRule rule = array.format->code_rule();
  if (const auto* floating = std::get_if<formats::FloatFormat>(&rule)) {
    return formats::decode(*floating,
                           static_cast<std::uint16_t>(code) & (floating->magnitude_mask() | floating->sign_bit()));
  }
  return static_cast<float>(code * formats::power_of_two(array.exponent));
}

/// Elements of an array, spread over it, the last one among them.
template <class Wrong>
std::string check_elements(const Array& array, Wrong wrong) {
  const std::int64_t count = std::min(sampled_elements, array.count());
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t at = array.count() - 1 - i * (array.count() - 1) / std::max<std::int64_t>(count - 1, 1);
    if (std::string found = wrong(at); !found.empty()) {
      return fmt::format("element {} ({:a}): {}", at, array.x[static_cast<std::size_t>(at)], found);
    }
  }
  return {};
}

Contender encoding(const ArrayPtr& array, Rounding rounding, const Setup& setup) {
  const auto codes = std::make_shared<Codes>(array->x.size(), poison);
  Contender contender;
  contender.what = {formats::name(rounding), static_cast<double>(array->count()),
                    [=, &kernel = setup.arrays()] { encode(*array, rounding, kernel, *codes); }};
  contender.check = [=]() -> std::string {
    return check_elements(*array, [&](std::int64_t i) -> std::string {
      const std::int16_t actual = (*codes)[static_cast<std::size_t>(i)];
      const std::int16_t expected = scalar_code(*array, rounding, i);
      return actual == expected ? "" : fmt::format("code {}, by the definition {}", actual, expected);
    });
  };
  return contender;
}

Contender decoding(const ArrayPtr& array, const Setup& setup) {
  const auto codes = std::make_shared<Codes>(array->x.size());
  const auto values = std::make_shared<std::vector<float>>(array->x.size(), NAN);
  encode(*array, {}, setup.arrays(), *codes);
  Contender contender;
  contender.what = {"decode", static_cast<double>(array->count()),
                    [=, &kernel = setup.arrays()] { decode(*array, *codes, kernel, *values); }};
  contender.check = [=]() -> std::string {
    return check_elements(*array, [&](std::int64_t i) -> std::string {
      const float actual = (*values)[static_cast<std::size_t>(i)];
      const float expected = scalar_value(*array, (*codes)[static_cast<std::size_t>(i)]);
      return std::bit_cast<std::uint32_t>(actual) == std::bit_cast<std::uint32_t>(expected)
                 ? ""
                 : fmt::format("value {:a}, by the definition {:a}", actual, expected);
    });
  };
  return contender;
}

std::vector<Contender> prepare_format(const DataSet& data, std::string_view format, const Setup& setup) {
  const ArrayPtr array = make_array(data, format);
  const auto ceiling = copy_ceiling(array, array->x);
  std::vector<Contender> contenders;
  for (const Rounding rounding : rounding_rows) {
    contenders.push_back(encoding(array, rounding, setup));
  }
  contenders.push_back(decoding(array, setup));
  for (Contender& contender : contenders) {
    contender.ceiling = ceiling;
  }
  return contenders;
}

float plain_absmax(const std::vector<float>& x) {
  float largest = 0;
  for (const float value : x) {
    largest = std::max(largest, std::abs(value));
  }
  return largest;
}

Contender absmax_pass(const ArrayPtr& array, const Setup& setup) {
  const auto result = std::make_shared<float>(0.0f);
  Contender contender;
  contender.what = {"absmax", static_cast<double>(array->count()), [array, result, &kernel = setup.arrays()] {
                      float largest = 0;
#pragma omp parallel reduction(max : largest)
                      {
                        const Share share = own_share(array->count());
                        largest = kernel.extent(array->x.data() + share.begin, share.end - share.begin).absmax;
                      }
                      *result = largest;
                    }};
  contender.check = [array, result]() -> std::string {
    const float expected = plain_absmax(array->x);
    return *result == expected ? "" : fmt::format("absmax {:a}, in truth {:a}", *result, expected);
  };
  return contender;
}

/// By one thread, as a record's are.
Contender statistics_pass(const ArrayPtr& array, const Setup& setup) {
  Codes codes(array->x.size());
  const auto values = std::make_shared<std::vector<float>>(array->x.size());
  encode(*array, {}, setup.arrays(), codes);
  decode(*array, codes, setup.arrays(), *values);
  const auto result = std::make_shared<formats::ErrorStatistics>();
  Contender contender;
  contender.what = {"error statistics", static_cast<double>(array->count()),
                    [=] { *result = formats::error_statistics(array->x, *values); }};
  contender.check = [=]() -> std::string {
    double largest = 0;
    for (std::size_t i = 0; i < values->size(); ++i) {
      largest = std::max(largest, std::abs(static_cast<double>(array->x[i]) - static_cast<double>((*values)[i])));
    }
    return result->max_abs_error == largest
               ? ""
               : fmt::format("largest error {:a}, in truth {:a}", result->max_abs_error, largest);
  };
  return contender;
}

std::vector<Contender> prepare_passes(const DataSet& data, const Setup& setup) {
  const ArrayPtr array = make_array(data, "dfp16");
  const auto ceiling = copy_ceiling(array, array->x);
  std::vector<Contender> contenders{absmax_pass(array, setup), statistics_pass(array, setup)};
  for (Contender& contender : contenders) {
    contender.ceiling = ceiling;
  }
  return contenders;
}

}  // namespace

std::vector<Case> conversion_cases() {
  std::vector<Case> cases;
  for (const DataSet& data : data_sets) {
    for (const FormatRow& format : format_rows) {
      cases.push_back({fmt::format("convert/{}/{}", data.name, format.name),
                       Unit::elements,
                       format.full_only,
                       {},
                       [&](const Setup& setup) { return prepare_format(data, format.name, setup); }});
    }
    cases.push_back({fmt::format("convert/{}/passes", data.name), Unit::elements, false, {}, [&](const Setup& setup) {
                       return prepare_passes(data, setup);
                     }});
  }
  return cases;
}

}  // namespace precsim::bench
