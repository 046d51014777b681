// Rendering the times of training steps.
#include "experiments/commands/bench_train_report.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "experiments/cli/table.hpp"
#include "experiments/commands/commands.hpp"
#include "formats/cpu_features.hpp"
#include "sim/models/models.hpp"

namespace precsim::experiments {
namespace {

constexpr auto left = cli::Align::left;
constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
constexpr double mebi = 1024.0 * 1024.0;

double images_per_second(const step_bench::Result& result) {
  return static_cast<double>(result.contender.batch) / result.seconds;
}

/// Of the products of a pass; unknown for other work.
double of_ceiling(const step_bench::Result& result, nn::Work work) {
  const auto i = static_cast<std::size_t>(work);
  return i < result.of_ceiling.size() ? result.of_ceiling[i] : unknown;
}

std::string contenders_text(std::span<const step_bench::Result> results) {
  cli::Table table({{"plan", "", left},
                    {"engine", "", left},
                    {"threads"},
                    {"step", "ms"},
                    {"spread", "%"},
                    {"rate", "images/s"},
                    {"as fast", "x"},
                    {"products", "% of ceiling"},
                    {"peak memory", "MiB"},
                    {"page faults", "per step"}});
  for (const step_bench::Result& result : results) {
    table.add_row({result.contender.plan, result.contender.engine + (result.contender.telemetry ? ", telemetry" : ""),
                   std::to_string(result.contender.threads), cli::cell(1e3 * result.seconds, 3),
                   cli::cell(100 * result.spread, 1), cli::cell(images_per_second(result), 1),
                   cli::cell(result.ratio, 2), cli::cell(100 * result.products_of_ceiling, 1),
                   cli::cell(result.peak_bytes / mebi, 0), cli::cell(result.page_faults, 0)});
  }
  return table.text();
}

std::string split_text(std::span<const step_bench::Result> results) {
  cli::Table table({{"plan", "", left},
                    {"engine", "", left},
                    {"threads"},
                    {"work", "", left},
                    {"time", "ms"},
                    {"share", "%"},
                    {"of ceiling", "%"}});
  for (const step_bench::Result& result : results) {
    for (const nn::WorkEntry& entry : nn::work_table) {
      const double seconds = result.work[static_cast<std::size_t>(entry.work)];
      if (seconds == 0) {
        continue;
      }
      table.add_row({result.contender.plan, result.contender.engine, std::to_string(result.contender.threads),
                     std::string(entry.name), cli::cell(1e3 * seconds, 3), cli::cell(100 * seconds / result.seconds, 1),
                     cli::cell(100 * of_ceiling(result, entry.work), 1)});
    }
  }
  return table.text();
}

/// "; ceilings in GMAC/s: vpdpwssd zmm 184.0, vfmadd231ps zmm 88.0", as far as they are known.
std::string ceilings_text(const step_bench::Result& result) {
  std::string text;
  const auto add = [&](std::string_view instruction, double rate) {
    if (!instruction.empty()) {
      text += fmt::format("{}{} {}", text.empty() ? "; ceilings in GMAC/s: " : ", ", instruction,
                          cli::cell(1e-9 * rate, 1));
    }
  };
  add(result.greeting.integer_ceiling, result.integer_rate);
  add(result.greeting.floating_ceiling, result.floating_rate);
  return text;
}

cli::Json json_number(double value) {
  return std::isfinite(value) ? cli::Json(value) : cli::Json(nullptr);
}

cli::Json json(const step_bench::Result& result) {
  cli::Json split = cli::Json::object();
  for (const nn::WorkEntry& entry : nn::work_table) {
    split[std::string(entry.name)] = json_number(result.work[static_cast<std::size_t>(entry.work)]);
  }
  cli::Json fractions = cli::Json::object();
  for (const kernels::Pass pass : kernels::passes) {
    fractions[std::string(kernels::name(pass))] = json_number(of_ceiling(result, nn::work_of(pass)));
  }
  fractions["products"] = json_number(result.products_of_ceiling);
  return {{"plan", result.contender.plan},
          {"engine", result.contender.engine},
          {"telemetry", result.contender.telemetry},
          {"threads", result.contender.threads},
          {"steps", result.steps},
          {"skipped_steps", result.skipped},
          {"seconds", json_number(result.seconds)},
          {"spread", json_number(result.spread)},
          {"images_per_second", json_number(images_per_second(result))},
          {"as_fast", json_number(result.ratio)},
          {"work_seconds", split},
          {"of_ceiling", fractions},
          {"ceilings",
           {{"integer", result.greeting.integer_ceiling},
            {"integer_macs_per_second", json_number(result.integer_rate)},
            {"floating", result.greeting.floating_ceiling},
            {"floating_macs_per_second", json_number(result.floating_rate)}}},
          {"peak_bytes", json_number(result.peak_bytes)},
          {"page_faults_per_step", json_number(result.page_faults)}};
}

}  // namespace

std::string step_bench_text(const StepBenchRequest& request, std::span<const step_bench::Result> results) {
  const step_bench::Result& first = results.front();
  const models::ModelEntry& model = models::find_model(first.contender.model);
  std::string text = fmt::format(
      "{}\nCPU: {}\n{}: {} parameters, {} GMAC forward per image of {}x{}x{}; batch {}\nkernel {}, medians of {} "
      "rounds{}\n\n",
      program().version, formats::feature_names(formats::cpu_features()), model.name, first.greeting.parameters,
      cli::cell(1e-9 * static_cast<double>(first.greeting.macs), 4), model.image.h, model.image.w, model.image.c,
      first.contender.batch, request.kernel, request.rounds, ceilings_text(first));
  text += contenders_text(results) + "\n" + split_text(results);
  for (const step_bench::Result& result : results) {
    if (result.skipped > 0) {
      text += fmt::format("\n{}: {} of {} steps were skipped by loss scaling and updated nothing.\n",
                          result.contender.plan, result.skipped, result.steps);
    }
  }
  return text;
}

std::string step_bench_json(const StepBenchRequest& request, std::span<const step_bench::Result> results) {
  const step_bench::Result& first = results.front();
  const models::ModelEntry& model = models::find_model(first.contender.model);
  cli::Json rows = cli::Json::array();
  for (const step_bench::Result& result : results) {
    rows.push_back(json(result));
  }
  return cli::json_text({{"version", program().version},
                         {"cpu_features", formats::feature_names(formats::cpu_features())},
                         {"kernel", request.kernel},
                         {"model", model.name},
                         {"image", {model.image.h, model.image.w, model.image.c}},
                         {"classes", model.classes},
                         {"batch", first.contender.batch},
                         {"parameters", first.greeting.parameters},
                         {"macs", first.greeting.macs},
                         {"rounds", request.rounds},
                         {"contenders", rows}});
}

}  // namespace precsim::experiments
