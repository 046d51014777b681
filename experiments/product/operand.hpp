// The operands of one product: where they come from, and what they become under a format.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/product/fill.hpp"
#include "sim/kernels/engine.hpp"

namespace precsim::product {

/// A tensor in its logical order: FP32 numbers yet to be converted, or codes under one exponent that stay as they are.
struct SourceTensor {
  std::vector<float> values;
  std::vector<std::int16_t> codes;
  int exponent = 0;
};

/// What a source may need to know of the operand it gives.
struct OperandRequest {
  std::string what;  ///< "operand a" or "operand b": in errors, and the identity of its random bits
  std::int64_t size = 0;
  const formats::Format& format;
  std::int64_t chain = 0;  ///< the longest chain that may be formed, in products
  std::uint32_t seed = 0;
};

/// Where an operand comes from.
class OperandSource {
 public:
  virtual ~OperandSource() = default;
  /// What it is, for people: the name of a fill.
  virtual std::string name() const = 0;
  /// What that is the name of: "fill", "tensor".
  virtual std::string_view kind() const = 0;
  /// Exactly `request.size` elements. Raises UserError where it has no such tensor.
  virtual SourceTensor tensor(const OperandRequest& request) const = 0;
};

/// A fill, drawn from the stream `fill` for the seed.
class FilledOperand : public OperandSource {
 public:
  explicit FilledOperand(Fill fill) : fill_(fill) {}
  std::string name() const override { return fill_.name(); }
  std::string_view kind() const override { return "fill"; }
  /// Codes under the exponent that the format gives a tensor whose largest magnitude is 1.
  SourceTensor tensor(const OperandRequest& request) const override;

 private:
  Fill fill_;
};

/// An operand ready to be multiplied; `operand` looks into the vectors.
struct BuiltOperand {
  BuiltOperand() = default;
  BuiltOperand(BuiltOperand&&) = default;
  BuiltOperand& operator=(BuiltOperand&&) = default;

  std::string format, source, source_kind;
  std::vector<float> values;
  std::vector<std::int16_t> codes;
  std::vector<std::int16_t> exponents;  ///< one per block; empty for formats without
  std::uint64_t saturated = 0;
  kernels::Operand operand;
};

/// Converts what the source gives. `meet`: as what the two operands of the product meet, codes, scaled elements or FP32
/// numbers. Raises UserError for formats that no product takes, and where the source has codes and blocks are asked.
BuiltOperand build_operand(const kernels::ConvShape& shape, kernels::Pass pass, kernels::Side side,
                           const formats::Conversion& conversion, const OperandSource& source,
                           const OperandRequest& request, formats::OperandKind meet);

}  // namespace precsim::product
