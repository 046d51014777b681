// Generated operands: the table of fills, and the grammar of their names.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "formats/random_bits.hpp"

namespace precsim::product {

struct Fill;

/// What a fill of codes depends on: the width of the codes, and how many products meet in one lane.
struct CodeContext {
  int width = 16;
  std::int64_t chain = 2;
};

/// One row of the table. A fill gives FP32 numbers, which a format then converts, or one integer code for all elements.
struct FillEntry {
  std::string_view name;
  std::string_view meaning;
  /// Element i depends on its own words of `bits` alone: i, of normal 6i to 6i + 5, of wide 2i and 2i + 1; one_hot on
  /// words 0 and 1.
  void (*values)(const Fill&, const formats::RandomBits&, std::span<float>);
  std::int64_t (*code)(const CodeContext&);  ///< null: values; otherwise `values` is null. The code may be too wide
  bool has_peak = false;                     ///< takes peak=R
};
std::span<const FillEntry> fills();

/// A fill as named: "uniform", "normal:peak=7".
struct Fill {
  const FillEntry* entry = nullptr;
  double peak = 0;  ///< 0: none

  bool gives_codes() const { return entry->code != nullptr; }
  std::string name() const;
};
/// Raises UserError listing the fills.
Fill parse_fill(std::string_view text);

/// The values of a fill that gives some; the same for any number of threads.
void fill_values(const Fill& fill, const formats::RandomBits& bits, std::span<float> values);

/// The code of a fill that gives one. Raises UserError where `context.width` bits do not hold it.
std::int16_t fill_code(const Fill& fill, const CodeContext& context);

}  // namespace precsim::product
