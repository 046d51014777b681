// Workers as processes.
#include "experiments/step_bench/worker_process.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <vector>

#include "experiments/process/child.hpp"
#include "formats/error.hpp"
#include "formats/grammar.hpp"
#include "formats/words.hpp"

namespace precsim::step_bench {
namespace {

constexpr std::int64_t most_steps = 1000000;

std::vector<std::string> command_line(const Contender& contender) {
  std::vector<std::string> words{"bench", "train", "--worker", "--model", contender.model};
  const std::string batch = std::to_string(contender.batch), threads = std::to_string(contender.threads);
  words.insert(words.end(), {"--batch", batch, "--plan", contender.plan, "--engine", contender.engine, "--kernel",
                             contender.kernel, "--threads", threads});
  if (contender.telemetry) {
    words.emplace_back("--telemetry");
  }
  return words;
}

}  // namespace

bool LineChannel::read(std::string& line) {
  for (;;) {
    const std::size_t end = pending_.find('\n');
    if (end != std::string::npos) {
      line = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      return true;
    }
    char buffer[4096];
    const ssize_t count = ::read(in_, buffer, sizeof buffer);
    if (count == 0 || (count < 0 && errno != EINTR)) {
      return false;
    }
    pending_.append(buffer, count > 0 ? static_cast<std::size_t>(count) : 0);
  }
}

bool LineChannel::write(std::string_view line) {
  std::string text(line);
  text += '\n';
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t count = ::write(out_, text.data() + done, text.size() - done);
    if (count < 0 && errno != EINTR) {
      return false;
    }
    done += count > 0 ? static_cast<std::size_t>(count) : 0;
  }
  return true;
}

void serve_lines(const Contender& contender, LineChannel channel) {
  const auto say = [&](const std::string& line) {
    if (!channel.write(line)) {
      throw UserError("--worker: nobody reads what is measured");
    }
  };
  const auto next = [&]() -> std::int64_t {
    std::string line;
    if (!channel.read(line) || line == "end") {
      return 0;
    }
    std::int64_t steps = 0;
    if (!line.starts_with("go ") || !formats::parse_integer(line.substr(3), 1, most_steps, steps)) {
      throw UserError(fmt::format("--worker: a request is 'go N', N from 1 to {}, or 'end', not {}", most_steps,
                                  formats::quote(line)));
    }
    return steps;
  };
  serve(contender, {[&](const Greeting& greeting) { say(to_line(greeting)); }, next,
                    [&](const Sample& sample) { say(to_line(sample)); }});
}

WorkerProcess::WorkerProcess(const Contender& contender) : name_(contender.plan) {
  const std::array<int, 2> requests = process::make_pipe();
  const std::array<int, 2> answers = process::make_pipe();
  to_ = requests[1];
  from_ = answers[0];
  channel_ = LineChannel(from_, to_);
  process_ = process::start_this_program(command_line(contender), {.in = requests[0], .out = answers[1]});
  ::close(requests[0]);
  ::close(answers[1]);
}

WorkerProcess::~WorkerProcess() {
  ::close(to_);
  ::close(from_);
  process::wait_for(process_);
}

std::string WorkerProcess::line() {
  std::string line;
  if (!channel_.read(line)) {
    throw UserError(fmt::format("the worker that trains under the plan {} ended early", name_));
  }
  return line;
}

Greeting WorkerProcess::greeting() {
  return greeting_from(line());
}

Sample WorkerProcess::go(std::int64_t steps) {
  if (!channel_.write(fmt::format("go {}", steps))) {
    throw UserError(fmt::format("the worker that trains under the plan {} ended early", name_));
  }
  return sample_from(line());
}

}  // namespace precsim::step_bench
