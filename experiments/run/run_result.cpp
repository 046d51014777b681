// Results and the record's account of them; see run_result.hpp.
#include "experiments/run/run_result.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "experiments/record/run_schema.hpp"
#include "experiments/record/table_rows.hpp"

namespace precsim::experiments {
namespace {

constexpr std::array<std::string_view, 3> outcomes = {"finished", "interrupted", "diverged"};

}  // namespace

std::string_view name(nn::Outcome outcome) {
  return outcomes[static_cast<std::size_t>(outcome)];
}

std::optional<nn::Outcome> parse_outcome(std::string_view text) {
  const auto found = std::ranges::find(outcomes, text);
  return found == outcomes.end() ? std::nullopt : std::optional(static_cast<nn::Outcome>(found - outcomes.begin()));
}

void write_result(record::Record& record, const RunResult& result) {
  for (const Figure& figure : result.figures) {
    record.append(record::Table::summary, {std::string_view(figure.name), figure.value, std::string_view(figure.unit)});
  }
  record.set_attribute("outcome_message", result.training.message);
  record.set_attribute("state_hash", result.state_hash);
  record.set_provenance("seconds", result.seconds);
  record.set_provenance("replaced_images", static_cast<std::int64_t>(result.replaced_images.size()));
  record.set_attribute("outcome", std::string(name(result.training.outcome)));
  record.close();
}

std::vector<Figure> figures(const nn::TrainingResult& t, const RunRecorder& recorder) {
  constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
  const double share = t.totals.all_macs == 0
                           ? unknown
                           : static_cast<double>(t.totals.integer_macs) / static_cast<double>(t.totals.all_macs);
  const bool evaluated = t.evaluation.images != 0;
  std::vector<Figure> figures{
      {"test_accuracy", evaluated ? t.evaluation.accuracy : unknown, "1"},
      {"best_test_accuracy", recorder.best_step() >= 0 ? recorder.best_accuracy() : unknown, "1"},
      {"test_loss", evaluated ? t.evaluation.loss : unknown, "nat"},
      {"training_loss", recorder.last_loss(), "nat"},
      {"steps", static_cast<double>(t.steps), "step"},
      {"skipped_steps", static_cast<double>(recorder.skipped_steps()), "step"},
      {"integer_mac_share", share, "1"},
      {"overflow_events", t.totals.overflow_known ? static_cast<double>(t.totals.overflow_events) : unknown, "event"},
      {"saved_bytes_per_step",
       t.steps == 0 ? 0 : static_cast<double>(t.totals.saved_bytes) / static_cast<double>(t.steps), "B"}};
  if (evaluated && t.evaluation.classes > few_classes) {
    figures.insert(figures.begin() + 1, {"test_accuracy5", t.evaluation.accuracy5, "1"});
  }
  for (const nn::RoleEntry& role : nn::roles()) {
    const RoleSqnr& sqnr = recorder.sqnr()[static_cast<std::size_t>(role.role)];
    if (sqnr.conversions != 0) {
      figures.push_back({fmt::format("worst_sqnr_{}", role.name), sqnr.worst, "dB"});
      figures.push_back({fmt::format("mean_sqnr_{}", role.name), sqnr.mean(), "dB"});
    }
  }
  return figures;
}

std::vector<Figure> recorded_figures(const record::TableRows& summary) {
  std::vector<Figure> figures;
  for (std::size_t i = 0; i < summary.size(); ++i) {
    figures.push_back(
        {std::string(summary.text(i, "name")), summary.real(i, "value"), std::string(summary.text(i, "unit"))});
  }
  return figures;
}

RunResult recorded_result(const record::Record& record) {
  const std::string source = record.file().string();
  const auto text = [&](std::string_view name) {
    return record::value_of<std::string>(record.header().run, name, source);
  };
  RunResult result;
  result.had_ended = true;
  result.training.outcome = *parse_outcome(text("outcome"));
  result.training.message = text("outcome_message");
  result.configuration_hash = text("configuration_hash");
  result.state_hash = text("state_hash");
  result.seconds = record::value_of<double>(record.header().provenance, "seconds", source);
  result.figures =
      recorded_figures(record::TableRows(record.tables()[record::Table::summary], record.rows(record::Table::summary)));
  const auto steps = std::ranges::find(result.figures, "steps", &Figure::name);
  result.training.steps = steps == result.figures.end() ? 0 : static_cast<std::int64_t>(steps->value);
  return result;
}

}  // namespace precsim::experiments
