// The table of fills.
#include "experiments/product/fill.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <vector>

#include "formats/array_kernel.hpp"
#include "formats/draws.hpp"
#include "formats/error.hpp"
#include "formats/grammar.hpp"
#include "sim/kernels/threads.hpp"

namespace precsim::product {
namespace {

using formats::RandomBits;

constexpr std::int64_t piece = 1024;

/// Element i from words each * i to each * i + each - 1.
template <int each, class Draw>
void by_words(const RandomBits& bits, std::span<float> values, Draw draw) {
  const auto size = static_cast<std::int64_t>(values.size());
#pragma omp parallel for schedule(static) if (kernels::worth_threads(size))
  for (std::int64_t begin = 0; begin < size; begin += piece) {
    const std::int64_t count = std::min(piece, size - begin);
    std::array<std::uint32_t, piece * each> words;
    formats::best_array_kernel().words(bits, static_cast<std::uint64_t>(begin * each), count * each, words.data());
    for (std::int64_t i = 0; i < count; ++i) {
      values[static_cast<std::size_t>(begin + i)] = draw(words.data() + i * each);
    }
  }
}

void fill_uniform(const Fill&, const RandomBits& bits, std::span<float> values) {
  by_words<1>(bits, values, [](const std::uint32_t* w) { return static_cast<float>(2 * formats::uniform(*w) - 1); });
}

/// The sum of twelve uniform numbers of 16 bits has mean 6 * 65535 and variance 65536^2 - 1.
void fill_normal(const Fill& fill, const RandomBits& bits, std::span<float> values) {
  const float limit = fill.peak == 0 ? 6 : static_cast<float>(fill.peak);
  by_words<6>(bits, values, [limit](const std::uint32_t* words) {
    std::int32_t sum = -6 * 65535;
    for (int i = 0; i < 6; ++i) {
      sum += static_cast<std::int32_t>((words[i] & 0xffffu) + (words[i] >> 16));
    }
    return std::clamp(static_cast<float>(sum) * 0x1p-16f, -limit, limit);
  });
  if (fill.peak != 0 && !values.empty()) {
    values[0] = limit;
  }
}

constexpr std::uint32_t wide_low = 127 - 28;
constexpr std::uint32_t wide_high = 127 + 19;

void fill_wide(const Fill&, const RandomBits& bits, std::span<float> values) {
  by_words<2>(bits, values, [](const std::uint32_t* words) {
    const auto field =
        wide_low + static_cast<std::uint32_t>(std::uint64_t{words[1]} * (wide_high - wide_low + 1) >> 32);
    return std::bit_cast<float>((words[0] & 0x807fffffu) | field << 23);
  });
}

void fill_extremes(const Fill&, const RandomBits& bits, std::span<float> values) {
  static constexpr std::array<float, 5> edges{-0x1.fffcp-1f, -0x1p-15f, 0, 0x1p-15f, 0x1.fffcp-1f};
  by_words<1>(bits, values, [](const std::uint32_t* w) { return edges[std::uint64_t{*w} * edges.size() >> 32]; });
}

void fill_one_hot(const Fill&, const RandomBits& bits, std::span<float> values) {
  std::fill(values.begin(), values.end(), 0.0f);
  const std::uint64_t draw = std::uint64_t{bits.word(0)} << 32 | bits.word(1);
  values[draw % values.size()] = 1;
}

template <int value>
void fill_constant(const Fill&, const RandomBits&, std::span<float> values) {
  std::fill(values.begin(), values.end(), static_cast<float>(value));
}

std::int64_t lowest_code(const CodeContext& context) {
  return -(std::int64_t{1} << (context.width - 1));
}

/// The largest c with chain * c^2 <= 2^31 - 1.
std::int64_t bound_code(const CodeContext& context) {
  constexpr std::int64_t top = (std::int64_t{1} << 31) - 1;
  std::int64_t code = 0;
  while (context.chain * (code + 1) * (code + 1) <= top) {
    ++code;
  }
  return code;
}

constexpr FillEntry table[] = {
    {"uniform", "uniform from -1 to 1", fill_uniform, nullptr},
    {"normal", "sums of twelve uniform numbers, mean 0, deviation 1; peak=R: clamped to [-R, R], the first R",
     fill_normal, nullptr, true},
    {"wide", "random sign and fraction, exponents uniform from -28 to 19", fill_wide, nullptr},
    {"extremes", "0, 2^-15 and 1 - 2^-15 of either sign: codes 0, 1, 32767 of dfp16", fill_extremes, nullptr},
    {"one_hot", "zeros, and 1 at one drawn place", fill_one_hot, nullptr},
    {"zeros", "zeros", fill_constant<0>, nullptr},
    {"ones", "ones", fill_constant<1>, nullptr},
    {"lowest", "every code the most negative, -32768 in 16 bits", nullptr, lowest_code},
    {"on_bound", "every code the largest whose squares over one chain sum to at most 2^31 - 1", nullptr, bound_code},
};

constexpr double largest_peak = 1e6;

double parse_peak(const formats::OptionReader& reader, const std::string& text) {
  double peak = 0;
  if (!formats::parse_real(text, 1, std::nextafter(largest_peak, 2 * largest_peak), peak)) {
    throw reader.wrong("peak", fmt::format("a number from 1 to {}", largest_peak), text);
  }
  return peak;
}

}  // namespace

std::span<const FillEntry> fills() {
  return table;
}

std::string Fill::name() const {
  return peak == 0 ? std::string(entry->name) : fmt::format("{}:peak={}", entry->name, peak);
}

Fill parse_fill(std::string_view text) {
  const formats::ParsedName parsed = formats::parse_name(text, "fill");
  for (const FillEntry& row : table) {
    if (row.name != parsed.base) {
      continue;
    }
    formats::OptionReader reader(parsed, "fill");
    Fill fill{&row};
    const std::string peak = row.has_peak ? reader.text("peak", "", "R") : "";
    reader.finish();
    if (!parsed.options.empty()) {
      fill.peak = parse_peak(reader, peak);
    }
    return fill;
  }
  throw formats::unknown_name("fill", text, parsed.base, table, &FillEntry::name);
}

void fill_values(const Fill& fill, const RandomBits& bits, std::span<float> values) {
  PRECSIM_CHECK(!fill.gives_codes() && !values.empty(), fill.name());
  fill.entry->values(fill, bits, values);
}

std::int16_t fill_code(const Fill& fill, const CodeContext& context) {
  const std::int64_t code = fill.entry->code(context);
  const std::int64_t most = (std::int64_t{1} << (context.width - 1)) - 1;
  if (code > most) {
    throw UserError(fmt::format(
        "fill {}: codes of {} bits end at {}, and chains of {} products stay within 31 bits up to {}; give a longer "
        "chain or wider codes",
        fill.name(), context.width, most, context.chain, code));
  }
  return static_cast<std::int16_t>(code);
}

}  // namespace precsim::product
