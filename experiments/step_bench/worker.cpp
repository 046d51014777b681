// Training on request.
#include "experiments/step_bench/worker.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <fstream>
#include <memory>
#include <string>

#include "experiments/bench/ceiling.hpp"
#include "experiments/bench/measure.hpp"
#include "experiments/run/run_options.hpp"
#include "experiments/step_bench/synthetic_images.hpp"
#include "formats/error.hpp"
#include "sim/models/models.hpp"

namespace precsim::step_bench {
namespace {

constexpr std::int64_t warm_up_steps = 2;
constexpr std::int64_t steps_per_epoch = 1024;  // evaluation, of one image, comes between two epochs
constexpr std::int64_t epochs = 1000000;
constexpr double ceiling_seconds = 0.004;  // of each, before and after the steps of a request

config::Config configuration(const Contender& contender) {
  config::Config config(experiments::check_value);
  const std::string plan = "--plan '" + contender.plan + "'";
  std::size_t at = contender.plan.find(' ');
  config.set({"plan.name", contender.plan.substr(0, at), plan});
  while (at != std::string::npos) {
    const std::size_t next = contender.plan.find(' ', at + 1);
    const std::string setting = contender.plan.substr(at + 1, next == std::string::npos ? next : next - at - 1);
    const std::size_t equals = setting.find('=');
    if (equals == std::string::npos) {
      throw UserError(
          fmt::format("{}: '{}' is no setting of a plan; KEY=VALUE is, such as rounding=stochastic", plan, setting));
    }
    config.set({"plan." + setting.substr(0, equals), setting.substr(equals + 1), plan});
    at = next;
  }
  config.set({"model.name", contender.model, "--model"});
  config.set({"train.batch", std::to_string(contender.batch), "--batch"});
  config.set({"run.engine", contender.engine, "--engine"});
  config.set({"run.kernel", contender.kernel, "--kernel"});
  config.set({"optimizer.lr", "0.0001", "bench train"});
  config.set({"schedule.name", "constant", "bench train"});
  config.set({"schedule.warmup_epochs", "0", "bench train"});
  return config;
}

nn::TrainingOptions options(const config::Config& config, const Contender& contender, nn::StepProfile& profile) {
  nn::TrainingOptions options = experiments::training_options(config);
  options.epochs = epochs;
  options.eval_batch = 1;
  options.stats_every = contender.telemetry ? 1 : 0;
  options.profile = &profile;
  return options;
}

nn::Network network(const config::Config& config) {
  const models::ModelEntry& model = models::find_model(config.text("model.name"));
  return nn::Network(models::build_model(model.name, model.image, model.classes), experiments::precision_plan(config),
                     config.real("optimizer.momentum") != 0);
}

double page_faults() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_minflt);
}

/// The largest resident memory of this program so far; NaN where the system does not say.
double peak_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) {
      return 1024 * std::stod(line.substr(6));
    }
  }
  return std::numeric_limits<double>::quiet_NaN();
}

/// Measures a ceiling in short spans, and forgets them with every rate that is taken.
class Ceiling {
 public:
  explicit Ceiling(const bench::RegisterLoop& loop) : work_(bench::register_ceiling(loop)) {}

  void run(double (*clock)()) {
    const double start = clock();
    while (work_ != nullptr && clock() - start < ceiling_seconds) {
      work_->run();
      done_ += work_->work;
    }
    seconds_ += clock() - start;
  }
  double take_rate() {
    const double rate = work_ == nullptr ? std::numeric_limits<double>::quiet_NaN() : done_ / seconds_;
    done_ = seconds_ = 0;
    return rate;
  }

 private:
  std::shared_ptr<const bench::Work> work_;
  double done_ = 0, seconds_ = 0;
};

/// Lets the trainer do what the client asks for. The clock runs from the beginning of a step to its report, so that
/// evaluation stays outside.
class RequestObserver final : public nn::Observer {
 public:
  RequestObserver(const Client& client, const bench::KernelCeilings& ceilings, bool one_thread, Greeting greeting,
                  nn::StepProfile& profile)
      : client_(client),
        clock_(one_thread ? bench::processor_time : bench::wall_time),
        integer_(ceilings.integer),
        floating_(ceilings.floating),
        greeting_(std::move(greeting)),
        profile_(profile) {}

  void between_steps(const nn::Trainer& trainer) override {
    if (trainer.steps_done() >= warm_up_steps && left_ == 0) {
      if (requested_ > 0) {
        client_.answer(sample());
      } else {
        client_.greet(greeting_);
      }
      next_request();
    }
    wall_start_ = bench::wall_time();
    processor_start_ = bench::processor_time();
    profile_.start();
  }

  void on_step(const nn::StepReport& report) override {
    profile_.stop();
    const double wall = bench::wall_time() - wall_start_;
    if (requested_ == 0) {
      greeting_.step_seconds = wall;
      return;
    }
    wall_ += wall;
    processor_ += bench::processor_time() - processor_start_;
    skipped_ += report.skipped ? 1 : 0;
    --left_;
  }

  bool stop_requested() override { return stopped_; }

 private:
  void next_request() {
    requested_ = left_ = client_.next();
    stopped_ = requested_ == 0;
    if (stopped_) {
      return;
    }
    integer_.run(clock_);
    floating_.run(clock_);
    wall_ = processor_ = 0;
    skipped_ = 0;
    profile_ = nn::StepProfile();
    page_faults_ = page_faults();
  }

  Sample sample() {
    Sample sample{.steps = requested_,
                  .skipped = skipped_,
                  .wall_seconds = wall_,
                  .processor_seconds = processor_,
                  .page_faults = page_faults() - page_faults_,
                  .peak_bytes = peak_bytes()};
    floating_.run(clock_);
    integer_.run(clock_);
    sample.integer_rate = integer_.take_rate();
    sample.floating_rate = floating_.take_rate();
    for (const nn::WorkEntry& entry : nn::work_table) {
      sample.work[static_cast<std::size_t>(entry.work)] = profile_.seconds(entry.work);
    }
    for (const kernels::Pass pass : kernels::passes) {
      sample.macs[static_cast<std::size_t>(pass)] = profile_.macs(pass);
    }
    return sample;
  }

  const Client& client_;
  double (*clock_)();
  Ceiling integer_, floating_;
  Greeting greeting_;
  nn::StepProfile& profile_;
  std::int64_t requested_ = 0, left_ = 0, skipped_ = 0;
  bool stopped_ = false;
  double wall_ = 0, processor_ = 0, wall_start_ = 0, processor_start_ = 0, page_faults_ = 0;
};

}  // namespace

void check(const Contender& contender) {
  const config::Config config = configuration(contender);
  network(config);
  experiments::chosen_kernel(contender.kernel);
}

void serve(const Contender& contender, const Client& client) {
  const config::Config config = configuration(contender);
  experiments::set_threads(contender.threads);
  nn::StepProfile profile;
  nn::Network net = network(config);
  const nn::Shape& image = net.image();
  const data::ImageShape shape{static_cast<int>(image.h), static_cast<int>(image.w), static_cast<int>(image.c)};
  nn::Trainer trainer(
      options(config, contender, profile), net,
      synthetic_images(shape, static_cast<int>(net.output().c), contender.batch, contender.batch * steps_per_epoch));
  const bench::KernelCeilings& ceilings = bench::ceilings_of(experiments::chosen_kernel(contender.kernel));
  Greeting greeting{.parameters = net.parameter_count(),
                    .integer_ceiling = std::string(ceilings.integer.instruction),
                    .floating_ceiling = std::string(ceilings.floating.instruction)};
  for (const nn::Network::LayerRow& row : net.rows()) {
    greeting.macs += row.macs;
  }
  RequestObserver observer(client, ceilings, contender.threads == 1, greeting, profile);
  const nn::TrainingResult result = trainer.run(observer);
  if (result.outcome == nn::Outcome::diverged) {
    throw UserError(fmt::format("{} under the plan {} diverged on synthetic images: {}", contender.model,
                                contender.plan, result.message));
  }
}

}  // namespace precsim::step_bench
