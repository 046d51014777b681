// Turning reports of a training run into rows of its record.
#include "experiments/run/run_recorder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "experiments/record/run_schema.hpp"
#include "formats/rounding.hpp"
#include "formats/statistics.hpp"

namespace precsim::experiments {
namespace {

using record::Table;

static_assert(record::exponent_bins == formats::exponent_bins && record::octave_bins == formats::octave_bins);

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void append_tensor(record::Record& record, const nn::TensorReport& report, const formats::ErrorStatistics& s) {
  const std::string format = report.conversion.format->name();
  const std::string rounding = formats::name(report.conversion.rounding);
  const auto [low, high] = std::minmax_element(report.exponents.begin(), report.exponents.end());
  const bool scaled = !report.exponents.empty();
  const std::string_view layer = report.layer;
  const std::string_view role = nn::name(report.role);
  record.append(Table::tensor_statistics, {report.step,
                                           layer,
                                           role,
                                           report.use,
                                           std::string_view(format),
                                           std::string_view(rounding),
                                           static_cast<std::uint64_t>(s.count + s.nonfinite),
                                           s.nonfinite,
                                           s.zeros,
                                           s.min,
                                           s.max,
                                           s.absmax,
                                           s.mean,
                                           s.std,
                                           s.sqnr_db,
                                           s.mean_squared_error,
                                           s.max_abs_error,
                                           s.max_relative_error,
                                           s.mean_error,
                                           s.cosine,
                                           s.flushed,
                                           report.saturated,
                                           static_cast<std::uint64_t>(report.exponents.size()),
                                           static_cast<std::int64_t>(scaled ? *low : 0),
                                           static_cast<std::int64_t>(scaled ? *high : 0)});
  record.append(Table::exponent_histograms,
                {report.step, layer, role, report.use, s.zeros, std::span<const std::uint64_t>(s.exponents)});
  record.append(Table::octave_errors,
                {report.step, layer, role, report.use, std::string_view(format),
                 std::span<const std::uint64_t>(s.octave_counts), std::span<const double>(s.octave_rms_error)});
}

void append_control(record::Record& record, const nn::TensorReport& report) {
  const nn::ControlReport& control = *report.control;
  const std::string format = report.conversion.format->name();
  record.append(Table::exponent_control,
                {report.step, report.layer, nn::name(report.role), report.use, std::string_view(format),
                 control.exponent, control.next_exponent, static_cast<std::int64_t>(control.codes.largest),
                 control.codes.at_limit, control.codes.above_half, static_cast<std::uint64_t>(control.conversions),
                 static_cast<std::uint64_t>(control.overflows), static_cast<std::uint64_t>(control.moves)});
}

}  // namespace

RunRecorder::RunRecorder(record::Record* record, double flush_seconds, Hooks hooks)
    : record_(record), flush_seconds_(flush_seconds), hooks_(std::move(hooks)), last_flush_(now()) {}

void RunRecorder::on_tensor(const nn::TensorReport& report) {
  const formats::ErrorStatistics statistics = formats::error_statistics(report.source, report.converted);
  if (record_ != nullptr) {
    append_tensor(*record_, report, statistics);
    if (report.control != nullptr) {
      append_control(*record_, report);
    }
  }
  if (formats::is_fp32(*report.conversion.format) && !nn::entry(report.role).operand) {
    return;
  }
  RoleSqnr& role = sqnr_[static_cast<std::size_t>(report.role)];
  ++role.conversions;
  if (!std::isnan(statistics.sqnr_db)) {
    role.worst = std::min(role.worst, statistics.sqnr_db);
  }
  if (std::isfinite(statistics.sqnr_db)) {
    role.sum += statistics.sqnr_db;
    ++role.finite;
  }
}

void RunRecorder::on_product(const nn::ProductReport& report) {
  if (record_ == nullptr) {
    return;
  }
  const kernels::Telemetry& t = report.telemetry;
  const std::string_view pass = kernels::name(report.pass);
  const std::string_view semantics = report.semantics;
  record_->append(Table::products,
                  {report.step, report.layer, pass, semantics, report.operands, t.outputs, t.products, t.chains,
                   static_cast<std::uint64_t>(t.chain_length), static_cast<std::int64_t>(t.proved)});
  if (t.measured) {
    record_->append(Table::telemetry,
                    {report.step, report.layer, pass, semantics, report.operands, t.overflow_events, t.overflow_outputs,
                     t.first_output, t.first_k, t.max_chain_sum, std::span<const std::uint64_t>(t.chain_bits),
                     t.sqnr_db, t.max_abs_error, t.mean_error, t.exact});
  }
}

void RunRecorder::on_step(const nn::StepReport& report) {
  skipped_ += report.skipped ? 1 : 0;
  last_loss_ = report.loss;
  if (record_ != nullptr) {
    record_->append(Table::training, {report.step, report.epoch, report.learning_rate, report.loss, report.accuracy,
                                      report.loss_scale, static_cast<std::int64_t>(report.skipped)});
    flush_when_due();
  }
  if (hooks_.on_step) {
    hooks_.on_step(report);
  }
}

void RunRecorder::on_evaluation_batch(std::int64_t step, std::int64_t done, std::int64_t images) {
  if (hooks_.on_evaluation_batch) {
    hooks_.on_evaluation_batch(step, done, images);
  }
}

void RunRecorder::on_evaluation(const nn::EvaluationReport& report) {
  if (best_step_ < 0 || report.accuracy > best_accuracy_) {
    best_accuracy_ = report.accuracy;
    best_step_ = report.step;
  }
  if (record_ != nullptr) {
    record_->append(Table::evaluation, {report.step, report.epoch, report.images, report.correct, report.accuracy,
                                        report.loss, report.correct5, report.accuracy5});
    flush_when_due();
  }
  if (hooks_.on_evaluation) {
    hooks_.on_evaluation(report);
  }
}

void RunRecorder::between_steps(const nn::Trainer& trainer) {
  if (hooks_.between_steps) {
    hooks_.between_steps(trainer);
  }
}

bool RunRecorder::stop_requested() {
  return hooks_.stop_requested && hooks_.stop_requested();
}

record::AttributeList RunRecorder::running_figures() const {
  record::AttributeList figures{{"skipped_steps", skipped_},
                                {"training_loss", last_loss_},
                                {"best_accuracy", best_accuracy_},
                                {"best_step", best_step_}};
  for (const nn::RoleEntry& role : nn::roles()) {
    const RoleSqnr& sqnr = sqnr_[static_cast<std::size_t>(role.role)];
    if (sqnr.conversions != 0) {
      figures.push_back({fmt::format("worst_sqnr_{}", role.name), sqnr.worst});
      figures.push_back({fmt::format("sum_sqnr_{}", role.name), sqnr.sum});
      figures.push_back({fmt::format("finite_sqnr_{}", role.name), sqnr.finite});
      figures.push_back({fmt::format("conversions_{}", role.name), sqnr.conversions});
    }
  }
  return figures;
}

void RunRecorder::restore(const record::AttributeList& figures, std::string_view source) {
  const auto integer = [&](const std::string& name) { return record::value_of<std::int64_t>(figures, name, source); };
  const auto real = [&](const std::string& name) { return record::value_of<double>(figures, name, source); };
  skipped_ = integer("skipped_steps");
  last_loss_ = real("training_loss");
  best_accuracy_ = real("best_accuracy");
  best_step_ = integer("best_step");
  for (const nn::RoleEntry& role : nn::roles()) {
    RoleSqnr& sqnr = sqnr_[static_cast<std::size_t>(role.role)];
    sqnr = {};
    if (record::find_value(figures, fmt::format("conversions_{}", role.name)) != nullptr) {
      sqnr = {real(fmt::format("worst_sqnr_{}", role.name)), real(fmt::format("sum_sqnr_{}", role.name)),
              integer(fmt::format("finite_sqnr_{}", role.name)), integer(fmt::format("conversions_{}", role.name))};
    }
  }
}

void RunRecorder::flush_when_due() {
  if (now() - last_flush_ >= flush_seconds_) {
    record_->flush();
    last_flush_ = now();
  }
}

}  // namespace precsim::experiments
