// Fuzzes the names of formats, with and without a rounding. The input is the name.
#include <limits>

#include "formats/catalogue.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/fuzz/targets.hpp"

namespace precsim::fuzz {
namespace {

/// Converts numbers of every size as one block, under every rounding.
void convert(const formats::Format& format) {
  constexpr float largest = std::numeric_limits<float>::max();
  constexpr float numbers[] = {0.0f,         -0.0f,    1.0f,     -1.5f,   0x1p-149f,
                               -0x1.8p-127f, 65504.0f, 0x1p-64f, largest, -largest};
  for (const formats::RoundingEntry& entry : formats::roundings()) {
    float values[std::size(numbers)] = {};
    formats::ConversionCounts counts;
    format.convert({numbers, std::ssize(numbers)}, largest, format.block_exponent(largest), {entry.mode},
                   formats::RandomBits{1, formats::Stream::rounding}, {values, nullptr}, counts);
    promise(counts.refused == -1, format.name() + " takes every finite number");
  }
}

}  // namespace

/// A name that is accepted has a canonical form, which reads back to itself; the format explains itself and converts.
void format(std::string_view input) {
  formats::Conversion conversion;
  if (accepts([&] { conversion = formats::parse_conversion(input); })) {
    const std::string name = conversion.name();
    promise(formats::parse_conversion(name).name() == name, name);
    convert(*conversion.format);
  }
  std::string text;
  if (accepts([&] { text = formats::explain_format(input); })) {
    promise(text.starts_with(formats::parse_format(input)->name() + "\n"),
            "an explanation begins with the name: " + text);
  }
}

}  // namespace precsim::fuzz
