// Dynamic fixed point: conversion of blocks and the family "dfpP:headroom=h,top=rule,channel|block=k".
#include "formats/shared_exponent.hpp"

#include <fmt/format.h>

#include "formats/elementary.hpp"
#include "formats/families.hpp"

namespace precsim::formats {
namespace {

/// code * 2^exponent as the nearest FP32 number; -400 < exponent < 400.
float scaled(std::int32_t code, int exponent) {
  return static_cast<float>(static_cast<double>(code) * power_of_two(exponent));
}

class DynamicFixedPoint final : public Format {
 public:
  explicit DynamicFixedPoint(const DfpFormat& record) : record_(record) {}

  std::string name() const override {
    std::string options;
    const auto add = [&](const std::string& option) { options += (options.empty() ? ":" : ",") + option; };
    if (record_.headroom != 0) {
      add(fmt::format("headroom={}", record_.headroom));
    }
    if (record_.top != TopRule::saturate) {
      add(record_.top == TopRule::bump ? "top=bump" : "top=wrap");
    }
    if (record_.blocking.kind == BlockKind::channel) {
      add("channel");
    } else if (record_.blocking.kind == BlockKind::reduction) {
      add(fmt::format("block={}", record_.blocking.size));
    }
    return fmt::format("dfp{}{}", record_.bits, options);
  }
  OperandKind kind() const override { return OperandKind::integer; }
  Blocking blocking() const override { return record_.blocking; }
  int width() const override { return record_.bits; }
  int block_exponent(float absmax) const override { return shared_exponent(absmax, record_); }
  bool splittable(Rounding rounding) const override { return record_.top != TopRule::bump || rounding.is_stochastic(); }

  FormatFacts facts() const override {
    FormatFacts facts;
    facts.width = record_.bits;
    facts.largest = record_.largest_code();
    facts.smallest = facts.smallest_normal = 1;
    facts.epsilon = power_of_two(-(record_.bits - 2 - record_.headroom));
    facts.dynamic_range_db = 20 * log10(facts.largest);
    facts.notes = fmt::format("codes -{0}..{0} times 2^E_s, E_s = E(absmax) - {1}", record_.largest_code(),
                              record_.bits - 2 - record_.headroom);
    return facts;
  }

  CodeRule code_rule() const override {
    const std::int32_t largest = record_.largest_code();
    const bool wraps = record_.top == TopRule::wrap;
    return IntegerCodes{largest, largest + (wraps ? 1 : 0), wraps, record_.top == TopRule::bump};
  }

  int convert(const Block& in, float absmax, int exponent, Rounding rounding, const RandomBits& bits,
              const BlockOutput& out, ConversionCounts& counts) const override {
    if (record_.top != TopRule::bump) {
      convert_at(in, exponent, rounding, bits, out, counts);
      return exponent;
    }
    // Under stochastic rounding the decision may not depend on a draw, so it is taken from absmax alone.
    const bool above =
        rounding.is_stochastic() &&
        static_cast<double>(absmax) > static_cast<double>(record_.largest_code()) * power_of_two(exponent);
    ConversionCounts first;
    if (!above) {
      convert_at(in, exponent, rounding, bits, out, first);
    }
    if (above || first.saturated != 0) {
      convert_at(in, exponent + 1, rounding, bits, out, counts);
      return exponent + 1;
    }
    counts.refused = first.refused;
    return exponent;
  }

 private:
  void convert_at(const Block& in, int exponent, Rounding rounding, const RandomBits& bits, const BlockOutput& out,
                  ConversionCounts& counts) const {
    WordReader word(bits, rounding);
    for (std::int64_t j = 0; j < in.count; ++j) {
      const std::int64_t at = j * in.stride;
      if (is_nonfinite(in.x[at])) {
        counts.refused = j;
        return;
      }
      bool carried = false;
      const std::int32_t code = dfp_code(exact(in.x[at]), exponent, record_, rounding,
                                         word(in.first + static_cast<std::uint64_t>(at)), carried);
      counts.saturated += carried ? 1 : 0;
      out.values[at] = scaled(code, exponent);
      if (out.codes != nullptr) {
        out.codes[at] = static_cast<std::int16_t>(code);
      }
    }
  }

  DfpFormat record_;
};

}  // namespace

std::int32_t apply_top(std::uint64_t magnitude, bool negative, const DfpFormat& format) {
  if (magnitude > static_cast<std::uint64_t>(format.largest_code()) && format.top != TopRule::wrap) {
    return negative ? -format.largest_code() : format.largest_code();
  }
  const int shift = 32 - (format.bits - format.headroom);
  const auto low_bits = static_cast<std::uint32_t>(negative ? 0 - magnitude : magnitude);
  return static_cast<std::int32_t>(low_bits << shift) >> shift;
}

std::int32_t dfp_code(const Exact& x, int exponent, const DfpFormat& format, Rounding rounding, std::uint32_t word,
                      bool& carried) {
  const std::uint64_t magnitude = round_to_step(x, exponent, rounding, word);
  const auto most = static_cast<std::uint64_t>(format.largest_code());
  // Two's complement has the most negative code: there `wrap` changes nothing.
  const bool kept_by_wrap = format.top == TopRule::wrap && x.negative && magnitude == most + 1;
  carried = magnitude > most && !kept_by_wrap;
  return apply_top(magnitude, x.negative, format);
}

FormatPtr make_dfp(const DfpFormat& format) {
  return std::make_shared<DynamicFixedPoint>(format);
}

FormatPtr parse_dfp_family(const ParsedName& parsed) {
  if (parsed.base.substr(0, 3) != "dfp" || parsed.base.size() == 3) {
    return nullptr;
  }
  std::int64_t width = 0;
  if (!parse_integer(std::string_view(parsed.base).substr(3), 2, 16, width)) {
    throw UserError(fmt::format("format '{}': dfpP needs P from 2 to 16", parsed.text));
  }
  DfpFormat format;
  format.bits = static_cast<int>(width);
  OptionReader options(parsed, "format");
  format.headroom = options.integer("headroom", 0, format.bits - 2, 0);
  format.top = static_cast<TopRule>(options.choice("top", {"saturate", "bump", "wrap"}, 0));
  const bool tensor = options.flag("tensor");
  const bool channel = options.flag("channel");
  const std::string block = options.text("block", "tensor", "tensor|channel|EVEN");
  options.finish();
  std::int64_t size = 0;
  if ((tensor ? 1 : 0) + (channel ? 1 : 0) + (block != "tensor" ? 1 : 0) > 1) {
    throw UserError(fmt::format("format '{}': only one of tensor, channel and block=k can be given", parsed.text));
  }
  if (channel || block == "channel") {
    format.blocking = {BlockKind::channel, 0};
  } else if (block != "tensor") {
    if (!parse_integer(block, 2, largest_block, size) || size % 2 != 0) {
      throw options.wrong("block", fmt::format("tensor, channel or an even integer from 2 to {}", largest_block),
                          block);
    }
    format.blocking = {BlockKind::reduction, static_cast<int>(size)};
  }
  return make_dfp(format);
}

}  // namespace precsim::formats
