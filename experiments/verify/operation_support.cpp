// Holding multiply-accumulates against the oracles.
#include "experiments/verify/operation_support.hpp"

#include <fmt/format.h>

#include <cmath>

#include "tests/oracle/step_oracle.hpp"

namespace precsim::verify {
namespace {

/// A product of finite numbers is rounded to its own format before it meets the sum, whatever that is.
bool has_finite_factors(const Triple& t) {
  return std::isfinite(t.a) && std::isfinite(t.b);
}

}  // namespace

Unit::Unit(const std::string& name, const std::vector<Mode>& modes) : name_(name) {
  const arith::FloatAccumulator accumulator = arith::parse_float_accumulator(name);
  for (const Mode& mode : modes) {
    rows_.push_back({mode, accumulator});
    rows_.back().accumulator.rounding = mode.library;
  }
  const std::string key = ":product=";
  const std::size_t at = name.find(key);
  sum_ = target(name.substr(0, at));
  if (at != std::string::npos) {
    product_ = target(name.substr(at + key.size()));
  }
}

void Unit::hold(const Row& row, const Triple& t, arith::StepWords words, float expected, Tally& tally) const {
  const float actual = arith::accumulate(row.accumulator, t.c, t.a, t.b, words);
  tally.check(same(actual, expected), [&] {
    std::string input = fmt::format("{}@{} {}", name_, formats::name(row.mode.library), describe(t));
    if (row.mode.library.is_stochastic()) {
      input += fmt::format(" words {:#010x} {:#010x}", words.sum, words.product);
    }
    return Mismatch{input, bits_and_value(expected), bits_and_value(actual)};
  });
}

void Unit::hold_to_integers(const Triple& t, std::uint64_t random, Tally& tally) const {
  if (!product_ || !has_finite_factors(t)) {
    const oracle::Step step(sum_.oracle, t.a, t.b, t.c);
    const arith::StepWords words{step.word_near(random), static_cast<std::uint32_t>(random)};
    for (const Row& row : rows_) {
      hold(row, t, words, step.rounded(row.mode.oracle, row.mode.library.bits, words.sum), tally);
    }
    return;
  }
  const oracle::Step step = oracle::product_step(product_->oracle, t.a, t.b);
  const std::uint32_t product_word = step.word_near(random);
  for (const Row& row : rows_) {
    const float product = step.rounded(row.mode.oracle, row.mode.library.bits, product_word);
    const oracle::Step sum(sum_.oracle, product, 1, t.c);
    const arith::StepWords words{sum.word_near(scramble(random)), product_word};
    hold(row, t, words, sum.rounded(row.mode.oracle, row.mode.library.bits, words.sum), tally);
  }
}

Unit::Mpfr::Mpfr(const Unit& unit) : sum(unit.sum_.oracle) {
  if (unit.product_) {
    product.emplace(unit.product_->oracle);
  }
}

void Unit::hold_to_mpfr(const Triple& t, Mpfr& mpfr, Tally& tally) const {
  for (const Row& row : rows_) {
    const oracle::Mode mode = row.mode.oracle;
    float expected = 0;
    if (mpfr.product && has_finite_factors(t)) {
      expected = mpfr.sum.add(mpfr.product->multiply(t.a, t.b, mode), t.c, mode);
    } else {
      expected = t.b == 1 ? mpfr.sum.add(t.a, t.c, mode) : mpfr.sum.fma(t.a, t.b, t.c, mode);
    }
    hold(row, t, {}, expected, tally);
  }
}

void Unit::hold_to_fmaf(const Triple& t, Tally& tally) const {
  hold(rows_.front(), t, {}, std::fmaf(t.a, t.b, t.c), tally);
}

std::string mpfr_obstacle() {
  const char* why = oracle::mpfr_obstacle();
  return why == nullptr ? "" : why;
}

}  // namespace precsim::verify
