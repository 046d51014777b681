// Greetings and samples as lines of JSON.
#include "experiments/step_bench/contender.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

namespace precsim::step_bench {
namespace {

using Json = nlohmann::ordered_json;

Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

double number_from(const Json& value) {
  return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
}

}  // namespace

std::string to_line(const Greeting& greeting) {
  return Json{{"parameters", greeting.parameters},
              {"macs", greeting.macs},
              {"step_seconds", greeting.step_seconds},
              {"integer_ceiling", greeting.integer_ceiling},
              {"floating_ceiling", greeting.floating_ceiling}}
      .dump();
}

Greeting greeting_from(std::string_view line) {
  const Json json = Json::parse(line);
  return {json.at("parameters"), json.at("macs"), json.at("step_seconds"), json.at("integer_ceiling"),
          json.at("floating_ceiling")};
}

std::string to_line(const Sample& sample) {
  Json work = Json::object();
  for (const nn::WorkEntry& entry : nn::work_table) {
    work[std::string(entry.name)] = sample.work[static_cast<std::size_t>(entry.work)];
  }
  Json macs = Json::object();
  for (const kernels::Pass pass : kernels::passes) {
    const nn::StepProfile::Macs& of_pass = sample.macs[static_cast<std::size_t>(pass)];
    macs[std::string(kernels::name(pass))] = {{"integer", of_pass.integer}, {"floating", of_pass.floating}};
  }
  return Json{{"steps", sample.steps},
              {"skipped", sample.skipped},
              {"wall_seconds", sample.wall_seconds},
              {"processor_seconds", sample.processor_seconds},
              {"page_faults", sample.page_faults},
              {"peak_bytes", number(sample.peak_bytes)},
              {"integer_rate", number(sample.integer_rate)},
              {"floating_rate", number(sample.floating_rate)},
              {"work", work},
              {"macs", macs}}
      .dump();
}

Sample sample_from(std::string_view line) {
  const Json json = Json::parse(line);
  Sample sample{.steps = json.at("steps"),
                .skipped = json.at("skipped"),
                .wall_seconds = json.at("wall_seconds"),
                .processor_seconds = json.at("processor_seconds"),
                .page_faults = json.at("page_faults"),
                .peak_bytes = number_from(json.at("peak_bytes")),
                .integer_rate = number_from(json.at("integer_rate")),
                .floating_rate = number_from(json.at("floating_rate"))};
  for (const nn::WorkEntry& entry : nn::work_table) {
    sample.work[static_cast<std::size_t>(entry.work)] = json.at("work").at(std::string(entry.name));
  }
  for (const kernels::Pass pass : kernels::passes) {
    const Json& of_pass = json.at("macs").at(std::string(kernels::name(pass)));
    sample.macs[static_cast<std::size_t>(pass)] = {of_pass.at("integer"), of_pass.at("floating")};
  }
  return sample;
}

}  // namespace precsim::step_bench
