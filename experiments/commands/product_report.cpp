// Rendering one product.
#include "experiments/commands/product_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "experiments/cli/table.hpp"

namespace precsim::experiments {
namespace {

using kernels::Engine;
using kernels::Telemetry;

std::string chain_name(std::int64_t chain) {
  return chain == arith::chain_to_end ? "inf" : fmt::to_string(chain);
}

std::string accumulator_name(const product::ProductRequest& request) {
  return request.is_integer() ? request.accumulators.integer.full_name() : request.accumulators.floating.name();
}

std::string operand_text(const product::BuiltOperand& operand) {
  std::string text = fmt::format("{} as {}", operand.source, operand.format);
  if (operand.exponents.size() == 1) {
    text += fmt::format(", exponent {}", operand.exponents.front());
  } else if (!operand.exponents.empty()) {
    const auto [low, high] = std::minmax_element(operand.exponents.begin(), operand.exponents.end());
    text += fmt::format(", {} exponents from {} to {}", operand.exponents.size(), *low, *high);
  }
  return operand.saturated == 0 ? text : text + fmt::format(", {} saturated", operand.saturated);
}

std::string time_text(double seconds) {
  return seconds < 1e-3 ? fmt::format("{:.1f} us", 1e6 * seconds)
         : seconds < 1  ? fmt::format("{:.2f} ms", 1e3 * seconds)
                        : fmt::format("{:.2f} s", seconds);
}

std::string events_text(const Telemetry& telemetry) {
  return telemetry.overflow_events == 0
             ? "none"
             : fmt::format("{} in {} outputs, the first in output {} at k = {}", telemetry.overflow_events,
                           telemetry.overflow_outputs, telemetry.first_output, telemetry.first_k);
}

int most_bits(const Telemetry& telemetry) {
  int bits = 0;
  for (std::size_t b = 0; b < telemetry.chain_bits.size(); ++b) {
    bits = telemetry.chain_bits[b] != 0 ? static_cast<int>(b) + 1 : bits;
  }
  return bits;
}

std::string bits_text(float value) {
  return fmt::format("{:#010x}", std::bit_cast<std::uint32_t>(value));
}

product::ResultError accumulation_error(const Telemetry& telemetry) {
  return {telemetry.sqnr_db, telemetry.max_abs_error, telemetry.mean_error};
}

std::string error_text(const product::ResultError& error) {
  return fmt::format("SQNR {} dB, largest {:.3g}, mean {:.3g}", cli::cell(error.sqnr_db, 1), error.max_abs_error,
                     error.mean_error);
}

void add_telemetry(const ProductRun& run, cli::Table& table) {
  const Telemetry& telemetry = run.report.telemetry;
  if (run.request.is_integer()) {
    const std::int64_t longest = run.report.longest_chain;
    const bool alike = telemetry.products == telemetry.chains * static_cast<std::uint64_t>(longest);
    table.add_row({"chains", fmt::format("{} of {}{} products, {}", telemetry.chains, alike ? "" : "up to ", longest,
                                         telemetry.proved ? "proved not to overflow" : "not proved")});
  }
  if (run.request.meet() == formats::OperandKind::scaled) {
    table.add_row({"chains", fmt::format("{} sums of unscaled elements, one per block", telemetry.chains)});
  }
  if (!telemetry.measured) {
    return;
  }
  if (run.request.is_integer()) {
    table.add_row({"overflow events", events_text(telemetry)});
    table.add_row(
        {"chain sums", fmt::format("largest {}, in at most {} bits", telemetry.max_chain_sum, most_bits(telemetry))});
  }
  table.add_row({"error of accumulation", fmt::format("{}, against exact sums ({}) of the operands as converted",
                                                      error_text(accumulation_error(telemetry)), telemetry.exact)});
  if (run.report.whole_error) {
    table.add_row({"whole error", fmt::format("{}, against FP64 sums of the operands before conversion",
                                              error_text(*run.report.whole_error))});
  }
}

cli::Json error_json(const product::ResultError& error, std::string_view exact) {
  return {{"exact", exact},
          {"sqnr_db", error.sqnr_db},
          {"max_abs_error", error.max_abs_error},
          {"mean_error", error.mean_error}};
}

cli::Json operand_json(const product::BuiltOperand& operand) {
  cli::Json json{{"format", operand.format}, {operand.source_kind, operand.source}};
  if (!operand.exponents.empty()) {
    const auto [low, high] = std::minmax_element(operand.exponents.begin(), operand.exponents.end());
    json["exponents"] = {{"count", operand.exponents.size()}, {"smallest", *low}, {"largest", *high}};
  }
  json["saturated"] = operand.saturated;
  return json;
}

/// What there is of numerics 9.
cli::Json telemetry_json(const ProductRun& run) {
  const Telemetry& telemetry = run.report.telemetry;
  cli::Json json{{"outputs", telemetry.outputs}, {"products", telemetry.products}};
  const bool integer = run.request.is_integer();
  if (integer) {
    json["chains"] = telemetry.chains;
    json["chain_length"] = chain_name(telemetry.chain_length);
    json["longest_chain"] = run.report.longest_chain;
    json["proved"] = telemetry.proved;
  }
  if (run.request.meet() == formats::OperandKind::scaled) {
    json["chains"] = telemetry.chains;
  }
  if (!telemetry.measured) {
    return json;
  }
  if (integer) {
    json["overflow_events"] = telemetry.overflow_events;
    json["overflow_outputs"] = telemetry.overflow_outputs;
    if (telemetry.overflow_events != 0) {
      json["first_overflow"] = {{"output", telemetry.first_output}, {"k", telemetry.first_k}};
    }
    json["max_chain_sum"] = telemetry.max_chain_sum;
    cli::Json bits = cli::Json::object();
    for (std::size_t b = 0; b < telemetry.chain_bits.size(); ++b) {
      if (telemetry.chain_bits[b] != 0) {
        bits[fmt::to_string(b + 1)] = telemetry.chain_bits[b];
      }
    }
    json["chain_sum_bits"] = bits;
  }
  json["error_of_accumulation"] = error_json(accumulation_error(telemetry), telemetry.exact);
  if (run.report.whole_error) {
    json["whole_error"] = error_json(*run.report.whole_error, "double_fma");
  }
  return json;
}

}  // namespace

cli::ExitCode product_exit_code(const product::ProductReport& report) {
  return report.difference ? cli::ExitCode::mismatch : cli::ExitCode::ok;
}

std::string product_text(const ProductRun& run) {
  const product::ProductReport& report = run.report;
  cli::Table table({{"product", "", cli::Align::left}, {run.text, "", cli::Align::left}});
  table.add_row({"multiply-accumulates", fmt::to_string(report.macs)});
  table.add_row({"a", operand_text(report.operands[0])});
  table.add_row({"b", operand_text(report.operands[1])});
  table.add_row({"accumulator", accumulator_name(run.request)});
  table.add_row({"engine", fmt::format("{}, kernel {}, threads {}", kernels::name(run.request.engine),
                                       run.request.kernel->name, run.threads)});
  if (report.difference) {
    const product::Difference& d = *report.difference;
    table.add_row(
        {"first difference", fmt::format("output {}: {} ({}) by simulation, {} ({}) by {}", d.index,
                                         bits_text(d.simulated), d.simulated, bits_text(d.other), d.other, d.with)});
    return table.text();
  }
  const std::string speed = run.request.engine == Engine::check ? "" : fmt::format("; {:.2f} GMAC/s", report.gmacs());
  table.add_row({"time", fmt::format("best {}, median {} of {}{}", time_text(report.best()), time_text(report.median()),
                                     report.seconds.size(), speed)});
  add_telemetry(run, table);
  table.add_row({"result hash", report.result_hash});
  if (run.request.engine == Engine::check) {
    table.add_row({"check", "no differing bit"});
  }
  return table.text() + (run.story == nullptr ? "" : '\n' + story_text(*run.story, run.full));
}

std::string product_json(const ProductRun& run) {
  const product::ProductReport& report = run.report;
  const kernels::ConvShape& s = run.request.shape;
  cli::Json json{{"product", run.text},
                 {"pass", kernels::name(run.request.pass)},
                 {"shape",
                  {{"n", s.n},
                   {"h", s.h},
                   {"w", s.w},
                   {"ic", s.ic},
                   {"oc", s.oc},
                   {"kh", s.kh},
                   {"kw", s.kw},
                   {"stride", s.stride},
                   {"pad", s.pad},
                   {"groups", s.groups}}},
                 {"macs", report.macs},
                 {"a", operand_json(report.operands[0])},
                 {"b", operand_json(report.operands[1])},
                 {"accumulator", accumulator_name(run.request)},
                 {"seed", run.request.seed},
                 {"engine", kernels::name(run.request.engine)},
                 {"kernel", run.request.kernel->name},
                 {"threads", run.threads}};
  if (report.difference) {
    const product::Difference& d = *report.difference;
    json["first_difference"] = {
        {"index", d.index}, {"simulated", bits_text(d.simulated)}, {"other", bits_text(d.other)}, {"other_is", d.with}};
    return cli::json_text(json);
  }
  json["seconds"] = {{"repetitions", report.seconds.size()}, {"best", report.best()}, {"median", report.median()}};
  if (run.request.engine != Engine::check) {
    json["gmac_per_second"] = report.gmacs();
  }
  json["telemetry"] = telemetry_json(run);
  json["result_hash"] = report.result_hash;
  if (run.request.engine == Engine::check) {
    json["differing_bits"] = 0;
  }
  if (run.story != nullptr) {
    json["explain"] = story_json(*run.story, run.full);
  }
  return cli::json_text(json);
}

}  // namespace precsim::experiments
