// Working, and the lines about it.
#include "experiments/study/worker.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <exception>

#include "experiments/config/config.hpp"
#include "experiments/run/run_options.hpp"
#include "experiments/run/training_run.hpp"
#include "experiments/study/folder.hpp"
#include "formats/error.hpp"
#include "formats/grammar.hpp"

namespace precsim::study {
namespace {

constexpr double seconds_between_lines = 0.2;
constexpr std::size_t longest_sentence = 4000;  // one write to a pipe is whole up to 4096 bytes
constexpr std::int64_t most_steps = std::int64_t{1} << 60;
constexpr std::string_view progress_word = "at ";
constexpr std::string_view failure_word = "failed ";

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string one_line(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return text.substr(0, longest_sentence);
}

/// The writing end of a pipe.
class Teller {
 public:
  explicit Teller(int out) : out_(out) { ::fcntl(out_, F_SETFL, ::fcntl(out_, F_GETFL) | O_NONBLOCK); }

  bool is_heard() const { return heard_; }
  /// Dropped where the pipe is full, and where the line before is too fresh.
  void say_sometimes(const Progress& progress) {
    if (now() - last_ < seconds_between_lines) return;
    last_ = now();
    write(to_line(progress));
  }
  /// Waits for a full pipe, not for ever.
  void say(const Failure& failure) {
    constexpr int milliseconds = 5000;
    pollfd ready{out_, POLLOUT, 0};
    ::poll(&ready, 1, milliseconds);
    write(to_line(failure));
  }

 private:
  void write(std::string line) {
    line += '\n';
    while (::write(out_, line.data(), line.size()) < 0 && errno != EAGAIN) {
      if (errno == EINTR) continue;
      heard_ = false;
      return;
    }
  }

  int out_;
  double last_ = 0;
  bool heard_ = true;
};

config::Config configuration_of(const RunFolder& folder) {
  config::Config config(experiments::check_value);
  config.read_ini(config::read_config_file(folder.configuration()), folder.configuration().string());
  config.set({"run.out", folder.record().string(), "study"});
  return config;
}

experiments::RunRecorder::Hooks hooks_of(Teller& teller, std::int64_t steps,
                                         const std::function<bool()>& stop_requested) {
  experiments::RunRecorder::Hooks hooks;
  hooks.on_step = [&teller, steps](const nn::StepReport& report) {
    teller.say_sometimes({report.step + 1, steps, fmt::format("loss {:.4f}", report.loss)});
  };
  hooks.on_evaluation_batch = [&teller, steps](std::int64_t step, std::int64_t, std::int64_t) {
    teller.say_sometimes({step + 1, steps, "evaluating"});
  };
  hooks.stop_requested = [&teller, stop_requested] { return stop_requested() || !teller.is_heard(); };
  return hooks;
}

}  // namespace

std::string to_line(const Progress& progress) {
  return fmt::format("{}{} {} {}", progress_word, progress.done, progress.total, one_line(progress.what));
}

std::string to_line(const Failure& failure) {
  return fmt::format("{}{}", failure_word, one_line(failure.sentence));
}

std::optional<Progress> progress_from(std::string_view line) {
  if (!line.starts_with(progress_word)) return std::nullopt;
  line.remove_prefix(progress_word.size());
  const std::size_t first = line.find(' ');
  const std::size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  Progress progress;
  if (second == std::string_view::npos ||
      !formats::parse_integer(line.substr(0, first), 0, most_steps, progress.done) ||
      !formats::parse_integer(line.substr(first + 1, second - first - 1), 0, most_steps, progress.total)) {
    return std::nullopt;
  }
  progress.what = line.substr(second + 1);
  return progress;
}

std::optional<Failure> failure_from(std::string_view line) {
  if (!line.starts_with(failure_word)) return std::nullopt;
  return Failure{std::string(line.substr(failure_word.size()))};
}

nn::Outcome work(const std::filesystem::path& path, int out, const std::function<bool()>& stop_requested) {
  Teller teller(out);
  try {
    const config::Config config = configuration_of({path});
    return experiments::run_training(config,
                                     [&](std::int64_t steps) { return hooks_of(teller, steps, stop_requested); })
        .training.outcome;
  } catch (const std::bad_alloc&) {
    teller.say(Failure{"not enough memory; try smaller batches, or fewer --jobs"});
    throw;
  } catch (const std::exception& error) {
    teller.say(Failure{error.what()});
    throw;
  }
}

}  // namespace precsim::study
