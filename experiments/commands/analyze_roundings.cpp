// Comparing the roundings of a format; see analyze_roundings.hpp.
#include "experiments/commands/analyze_roundings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiments/cli/table.hpp"
#include "formats/words.hpp"

namespace precsim::experiments {
namespace {

using analysis::TensorResult;

std::size_t index_of(const std::vector<std::string>& formats, const std::string& format) {
  return static_cast<std::size_t>(std::ranges::find(formats, format) - formats.begin());
}

bool has_errors(const TensorResult& tensor, const std::vector<std::size_t>& conversions) {
  return std::ranges::all_of(conversions, [&](std::size_t c) {
    return std::isfinite(tensor.conversions[c].errors.sqnr_db) &&
           std::isfinite(relative_bias(tensor, tensor.conversions[c]));
  });
}

/// `conversions`: those of one format.
RoundingChoice choice(const std::vector<TensorResult>& results, const std::vector<std::size_t>& conversions) {
  const auto& named = results.front().conversions;
  RoundingChoice choice{named[conversions.front()].conversion.format->name()};
  std::vector<RoundingMeans> means;
  for (const std::size_t c : conversions) {
    means.push_back({formats::name(named[c].conversion.rounding)});
  }
  for (const TensorResult& tensor : results) {
    if (!has_errors(tensor, conversions)) {
      continue;
    }
    ++choice.tensors;
    for (std::size_t i = 0; i < conversions.size(); ++i) {
      const analysis::ConversionResult& result = tensor.conversions[conversions[i]];
      means[i].sqnr_db += result.errors.sqnr_db;
      means[i].bias += std::abs(relative_bias(tensor, result));
    }
  }
  for (RoundingMeans& one : means) {
    one.sqnr_db /= static_cast<double>(choice.tensors);
    one.bias /= static_cast<double>(choice.tensors);
  }
  choice.highest_sqnr = *std::ranges::max_element(means, {}, &RoundingMeans::sqnr_db);
  choice.least_bias = *std::ranges::min_element(means, {}, &RoundingMeans::bias);
  return choice;
}

}  // namespace

double relative_bias(const TensorResult& tensor, const analysis::ConversionResult& conversion) {
  const double rms = std::hypot(tensor.reference.mean, tensor.reference.std);
  return rms > 0 ? conversion.errors.mean_error / rms : std::nan("");
}

std::vector<RoundingChoice> rounding_choices(const std::vector<TensorResult>& results, std::size_t conversions) {
  std::vector<std::string> formats;
  std::vector<std::vector<std::size_t>> of_format;
  for (std::size_t c = 0; !results.empty() && c < conversions; ++c) {
    const std::string format = results.front().conversions[c].conversion.format->name();
    const std::size_t at = index_of(formats, format);
    if (at == formats.size()) {
      formats.push_back(format);
      of_format.emplace_back();
    }
    of_format[at].push_back(c);
  }
  std::vector<RoundingChoice> choices;
  for (const std::vector<std::size_t>& several : of_format) {
    if (several.size() > 1) {
      choices.push_back(choice(results, several));
    }
  }
  return choices;
}

std::string roundings_text(const std::vector<RoundingChoice>& choices) {
  if (choices.empty()) {
    return {};
  }
  cli::Table table({{"format", "", cli::Align::left},
                    {"highest SQNR", "", cli::Align::left},
                    {"mean", "dB"},
                    {"least bias", "", cli::Align::left},
                    {"mean abs", "of RMS x"},
                    {"tensors", "with errors"}});
  for (const RoundingChoice& one : choices) {
    const bool known = one.tensors > 0;
    table.add_row({one.format, known ? one.highest_sqnr.rounding : "-", cli::cell(one.highest_sqnr.sqnr_db, 2),
                   known ? one.least_bias.rounding : "-", known ? fmt::format("{:.1e}", one.least_bias.bias) : "-",
                   fmt::format("{}", one.tensors)});
  }
  return table.text() + formats::wrap(
                            "bias: mean error of a tensor. Roundings without one differ by chance, about RMS(y-x) / "
                            "sqrt(elements), and those toward zero show none where signs balance.",
                            100, "");
}

}  // namespace precsim::experiments
