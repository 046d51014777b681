// Saturating two's complement codes under one exponent per tensor: what fixed point and controlled exponents share.
#pragma once

#include <cstdint>

#include "formats/format.hpp"

namespace precsim::formats {

/// Codes from -2^(width-1) to 2^(width-1) - 1 that count steps of 2^exponent. A NaN is refused. An infinity is too,
/// unless takes_infinity(): then it saturates like any value out of range. Above 25 bits the saturated positive value
/// is the FP32 number next to the largest code (a carrier of 24 significant bits cannot hold it).
class TwosComplement : public Format {
 public:
  explicit TwosComplement(int width) : width_(width) {}

  OperandKind kind() const final { return width_ <= 16 ? OperandKind::integer : OperandKind::storage_only; }
  Blocking blocking() const final { return {BlockKind::tensor, 0}; }
  int width() const final { return width_; }
  CodeRule code_rule() const final;
  int convert(const Block& in, float absmax, int exponent, Rounding rounding, const RandomBits& bits,
              const BlockOutput& out, ConversionCounts& counts) const final;

 protected:
  /// 2^(width-1), the magnitude of the most negative code.
  std::int64_t limit() const { return std::int64_t{1} << (width_ - 1); }
  /// Facts of the codes themselves, for an exponent of 0.
  FormatFacts code_facts() const;

 private:
  std::int64_t code(float x, int exponent, Rounding rounding, std::uint32_t word, ConversionCounts& counts) const;

  int width_;
};

}  // namespace precsim::formats
