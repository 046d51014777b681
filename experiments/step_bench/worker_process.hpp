// A worker in a process of its own, so that its memory is its own and contenders can take turns.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "experiments/step_bench/worker.hpp"

namespace precsim::step_bench {

/// Whole lines over file descriptors that belong to somebody else.
class LineChannel {
 public:
  LineChannel(int in, int out) : in_(in), out_(out) {}
  /// Blocks until there is a line; false at the end of the input.
  bool read(std::string& line);
  /// False when nobody reads.
  bool write(std::string_view line);

 private:
  int in_, out_;
  std::string pending_;
};

/// Answers "go N" with the sample of N steps, after a greeting; ends with its input, or at a line that says "end".
/// Raises UserError as serve() does, and for other lines.
void serve_lines(const Contender& contender, LineChannel channel);

/// This program, started again as `precsim bench train --worker`, in a process group of its own: Ctrl-C in a terminal
/// asks the one that measures, which still ends its turn. The destructor ends the worker and waits for it.
class WorkerProcess {
 public:
  /// Raises UserError where the system starts no process.
  explicit WorkerProcess(const Contender& contender);
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  /// Blocks until the worker is ready; raises UserError if it ends instead, having said why on standard error.
  Greeting greeting();
  Sample go(std::int64_t steps);

 private:
  std::string line();

  std::string name_;
  int to_ = -1, from_ = -1;
  pid_t process_ = -1;
  LineChannel channel_{-1, -1};
};

}  // namespace precsim::step_bench
