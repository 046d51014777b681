// How one multiply-accumulate of the library is held against the oracles.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "experiments/verify/float_operands.hpp"
#include "experiments/verify/section.hpp"
#include "sim/arith/accumulator.hpp"
#include "sim/arith/float_accumulate.hpp"
#include "tests/oracle/mpfr_oracle.hpp"

namespace precsim::verify {

/// A floating-point accumulator of the library, "bf16:product=fp16", under each of some roundings.
class Unit {
 public:
  /// The formats are those that the oracle reads in the name.
  Unit(const std::string& name, const std::vector<Mode>& modes);

  const std::string& name() const { return name_; }
  const Target& sum() const { return sum_; }
  const std::optional<Target>& product() const { return product_; }

  /// Holds every rounding against 128-bit integers (or oracle::Wide); random words come from `random`.
  void hold_to_integers(const Triple& t, std::uint64_t random, Tally& tally) const;

  /// MPFR in the unit's formats, for one thread.
  struct Mpfr {
    explicit Mpfr(const Unit& unit);
    oracle::MpfrFormat sum;
    std::optional<oracle::MpfrFormat> product;
  };
  /// Holds the roundings, which must all be MPFR's, against it: mpfr_fma, and mpfr_add where b is 1.
  void hold_to_mpfr(const Triple& t, Mpfr& mpfr, Tally& tally) const;

  /// Holds the first rounding against the C library's fmaf, that is the CPU where it has FMA.
  void hold_to_fmaf(const Triple& t, Tally& tally) const;

 private:
  struct Row {
    Mode mode;
    arith::FloatAccumulator accumulator;
  };
  void hold(const Row& row, const Triple& t, arith::StepWords words, float expected, Tally& tally) const;

  std::string name_;
  std::vector<Row> rows_;
  Target sum_;
  std::optional<Target> product_;
};

/// Why MPFR cannot be asked, or nothing.
std::string mpfr_obstacle();

/// All 2^32 products of fp16 codes.
void hold_fp16_products_to_integers(Run& run);
void hold_fp16_products_to_fmaf(Run& run);
void hold_fp16_products_to_cpu(Run& run);
void hold_fp16_products_to_mpfr(Run& run);
/// Midpoints plus or minus a trifle, where an FP32 FMA and a second rounding fail.
void hold_directed_cases(Run& run);

}  // namespace precsim::verify
