// Simulated products: INT16 with full telemetry, and float accumulators.
#include <fmt/format.h>

#include <numeric>

#include "experiments/bench/ceiling.hpp"
#include "experiments/bench/data.hpp"
#include "experiments/bench/products.hpp"
#include "formats/catalogue.hpp"

namespace precsim::bench {
namespace {

using kernels::Engine;
using kernels::Pass;
using kernels::TelemetryLevel;

constexpr std::int64_t integer_size = 1024;
constexpr std::int64_t chain_lengths[] = {64, 128, 256, 512};

/// How operands are filled: amax / rms, or every code -32768, where every chain overflows.
struct Fill {
  std::string_view name;
  double ratio;
};
constexpr Fill fills[] = {{"amax7", 7}, {"amax3.4", 3.4}};
constexpr double usual_ratio = 5;

/// Operands of a format (N(0,1) rounded to it) and the accumulator they meet in.
struct FloatRow {
  std::string_view format, accumulator;
  std::int64_t size;
  bool full_only = false;
};
constexpr FloatRow float_rows[] = {
    {"fp16", "fp32", 1024},          {"bf16", "fp32", 1024, true}, {"fp16", "fp16", 256},
    {"bf16", "bf16", 256},           {"e6m9", "e6m9", 256},        {"fp16", "fp16@stochastic", 256, true},
    {"fp8_e5m2", "fp16", 256, true}, {"fp16", "fp32", 64},
};

Contender engine(std::string name, const OperandsPtr& operands, const kernels::Accumulators& accumulators, bool integer,
                 Engine how, TelemetryLevel level, const Setup& setup) {
  const auto run = std::make_shared<ProductRun>(operands, integer, accumulators);
  const KernelCeilings& ceilings = ceilings_of(setup.kernel);
  Contender contender;
  contender.what = {std::move(name), run->macs(),
                    [run, how, level, &kernel = setup.kernel] { run->multiply(how, level, kernel); }};
  contender.ceiling = register_ceiling(integer ? ceilings.integer : ceilings.floating);
  contender.check = [run] { return run->check(); };
  return contender;
}

/// Adds to a contender's check.
void also(Contender& contender, std::function<std::string()> check) {
  contender.check = [first = std::move(contender.check), second = std::move(check)] {
    std::string wrong = first();
    return wrong.empty() ? second() : wrong;
  };
}

std::vector<Contender> integer_contenders(const OperandsPtr& operands, std::int64_t chain, bool overflows,
                                          const Setup& setup) {
  const auto run = std::make_shared<ProductRun>(operands, true, integer_accumulators(chain));
  Contender full;
  full.what = {"full telemetry", run->macs(),
               [run, &kernel = setup.kernel] { run->multiply(Engine::simulate, TelemetryLevel::full, kernel); }};
  full.ceiling = register_ceiling(ceilings_of(setup.kernel).integer);
  full.check = [run] { return run->check(); };
  also(full, [run, overflows]() -> std::string {
    const kernels::Telemetry& telemetry = run->telemetry;
    const auto counted = std::accumulate(telemetry.chain_bits.begin(), telemetry.chain_bits.end(), std::uint64_t{0});
    if (counted != telemetry.chains) {
      return fmt::format("telemetry counts the bits of {} chain ends, but there are {}", counted, telemetry.chains);
    }
    return !overflows || telemetry.overflow_outputs == telemetry.outputs
               ? ""
               : fmt::format("telemetry has overflows in {} outputs, but all {} overflow", telemetry.overflow_outputs,
                             telemetry.outputs);
  });
  return {full,
          engine("native", operands, integer_accumulators(chain), true, Engine::native, TelemetryLevel::events, setup)};
}

OperandsPtr rounded_operands(const FloatRow& row) {
  Operands operands;
  operands.shape = kernels::ConvShape::gemm(row.size, row.size, row.size);
  const formats::Conversion conversion = formats::parse_conversion(row.format);
  const auto rounded = [&](std::uint32_t tensor) {
    const std::vector<float> values = filled_values("normal", row.size * row.size, tensor);
    return formats::convert(values, row.size, conversion, {}, "operand").values;
  };
  operands.left_values = rounded(1);
  operands.right_values = rounded(2);
  return std::make_shared<const Operands>(std::move(operands));
}

std::vector<Contender> float_contenders(const FloatRow& row, const Setup& setup) {
  const OperandsPtr operands = rounded_operands(row);
  kernels::Accumulators accumulators;
  accumulators.floating = arith::parse_float_accumulator(row.accumulator);
  return {engine("no telemetry", operands, accumulators, false, Engine::simulate, TelemetryLevel::events, setup),
          engine("full telemetry", operands, accumulators, false, Engine::simulate, TelemetryLevel::full, setup)};
}

}  // namespace

std::vector<Case> simulation_cases() {
  std::vector<Case> cases;
  const auto add_integers = [&](std::string name, std::int64_t size, std::int64_t chain, double ratio) {
    cases.push_back({std::move(name), Unit::macs, false, {}, [=](const Setup& setup) {
                       const auto shape = kernels::ConvShape::gemm(size, size, size);
                       return integer_contenders(ratio > 0 ? normal_operands(shape, Pass::forward, ratio)
                                                           : lowest_operands(shape, Pass::forward),
                                                 chain, ratio == 0, setup);
                     }});
  };
  for (const Fill& fill : fills) {
    for (const std::int64_t chain : chain_lengths) {
      add_integers(fmt::format("simulate/int16/{}/chain{}", fill.name, chain), integer_size, chain, fill.ratio);
    }
  }
  add_integers("simulate/int16/worst/chain64", integer_size, 64, 0);
  for (const FloatRow& row : float_rows) {
    cases.push_back({fmt::format("simulate/{}/{}/{}", row.format, row.accumulator, row.size),
                     Unit::macs,
                     row.full_only,
                     {},
                     [&row](const Setup& setup) { return float_contenders(row, setup); }});
  }
  add_integers("simulate/int16/tiny", 17, 64, usual_ratio);
  return cases;
}

}  // namespace precsim::bench
