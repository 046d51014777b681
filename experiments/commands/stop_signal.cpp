// The signals that ask a command to stop.
#include "experiments/commands/stop_signal.hpp"

#include <atomic>
#include <csignal>

namespace precsim::experiments {
namespace {

std::atomic<int> stop_signal{0};
extern "C" void request_stop(int signal) {
  stop_signal = signal;
  std::signal(signal, SIG_DFL);
}

}  // namespace

void follow_stop_signals() {
  std::signal(SIGINT, request_stop);
  std::signal(SIGTERM, request_stop);
  if (std::signal(SIGHUP, request_stop) == SIG_IGN) {
    std::signal(SIGHUP, SIG_IGN);
  }
}

void follow_signals() {
  follow_stop_signals();
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
}

bool stop_requested() {
  return stop_signal != 0;
}

}  // namespace precsim::experiments
