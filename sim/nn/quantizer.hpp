// The quantizer: the map from FP32 tensors to what is stored or multiplied. Gradients pass back through it unchanged.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "formats/catalogue.hpp"
#include "sim/kernels/engine.hpp"
#include "sim/kernels/matrix.hpp"
#include "sim/nn/exponent_controllers.hpp"
#include "sim/nn/observer.hpp"
#include "sim/nn/source.hpp"

namespace precsim::nn {

/// Converts the tensors of one layer and role, and reports each conversion. Where a format has controllers, exponents
/// come from those of the context, one per use; without any, each conversion is a first one.
class Quantizer {
 public:
  /// `groups`: of the convolution that reads the tensors, whose sums of squares are taken then for the proofs of
  /// chain=auto; 0: they are not.
  Quantizer(std::string layer, Role role, std::int64_t groups = 0)
      : layer_(std::move(layer)), role_(role), groups_(groups) {}

  /// Converts a whole tensor under a format without blocks: codes alone for integer formats, else FP32 values. Reads
  /// the source once where its range or its exponent is known, else twice. Raises NonFinite for non-finite elements,
  /// before or after.
  Stored store(const Source& source, const formats::Conversion& conversion, const StepContext& context,
               Use use = Use::stored, std::string_view use_name = "all") const;
  /// The same without a copy of what is FP32 already and stays so.
  StoredPtr store(const SourcePtr& source, const formats::Conversion& conversion, const StepContext& context) const;
  /// In place, for tensors of which only the FP32 values matter. `is_finite`: known already.
  void apply(std::span<float> values, const formats::Conversion& conversion, const StepContext& context,
             Use use = Use::stored, bool is_finite = false) const;

  /// The operand of one product. `once`: the tensor was converted to `conversion` when it was stored; otherwise its
  /// FP32 values are converted for this use, into `own` where the tensor is one. `meet`: as what the two
  /// operands of the product meet; where that is FP32 numbers, codes are decoded into `own`. What is returned looks
  /// into `stored` or `own`.
  kernels::Operand operand(const Stored& stored, const formats::Conversion& conversion, bool once,
                           const kernels::ConvShape& shape, Pass pass, kernels::Side side, formats::OperandKind meet,
                           Stored& own, const StepContext& context) const;

 private:
  /// What there is to tell of a conversion beside its result.
  struct Outcome {
    std::uint64_t saturated = 0;
    std::optional<ControlReport> control;
  };
  Stored convert(const Source& source, const formats::Conversion& conversion, const StepContext& context, Use use,
                 Outcome& outcome) const;
  [[noreturn]] void raise_nonfinite(std::int64_t index, const StepContext& context) const;
  void report(std::span<const float> source, std::span<const float> values, std::span<const std::int16_t> exponents,
              const formats::Conversion& conversion, const StepContext& context, std::string_view use_name,
              const Outcome& outcome) const;

  std::string layer_;
  Role role_;
  std::int64_t groups_;
};

/// True where a tensor under this conversion is stored once and serves every use: the format has no blocks that
/// depend on the use.
bool stores_once(const formats::Conversion& conversion);

/// Raises NonFinite naming layer, what, step and index where a value is not finite.
void check_all_finite(std::span<const float> values, std::string_view layer, std::string_view what,
                      const StepContext& context, bool skippable);

}  // namespace precsim::nn
