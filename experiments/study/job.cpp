// Starting, hearing and burying a job.
#include "experiments/study/job.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "experiments/process/child.hpp"
#include "formats/error.hpp"

namespace precsim::study {
namespace {

constexpr std::size_t longest_line = 1 << 16;

/// How a child ended that did not say why it failed.
std::string death(int status, const RunFolder& folder) {
  const std::string log = folder.log().string();
  if (!WIFSIGNALED(status)) return fmt::format("it ended with exit code {}; see {}", WEXITSTATUS(status), log);
  const int signal = WTERMSIG(status);
  return fmt::format("it was killed by signal {} ({}){}; see {}", signal, ::strsignal(signal),
                     signal == SIGKILL ? ", as the system does when memory runs out" : "", log);
}

Status with_state(State state, std::string message = {}) {
  Status status;
  status.state = state;
  status.message = std::move(message);
  return status;
}

}  // namespace

Job::Job(std::size_t run, const RunFolder& folder, const Lock& lock) : run_(run), folder_(folder) {
  const record::FileDescriptor log(::open(folder.log().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
  if (log.get() < 0) record::throw_io_error("write", folder.log(), errno);
  const record::FileDescriptor nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const std::array<int, 2> ends = process::make_pipe();
  pipe_ = record::FileDescriptor(ends[0]);
  const record::FileDescriptor writing(ends[1]);
  ::fcntl(pipe_.get(), F_SETFL, O_NONBLOCK);
  child_ = process::start_this_program(
      {"study", "--worker", folder.path.string()},
      {.in = nothing.get(), .out = writing.get(), .err = log.get(), .kept = lock.descriptor()});
}

bool Job::read(const std::function<void(const Progress&)>& on_progress) {
  char buffer[4096];
  ssize_t count = 0;
  while ((count = ::read(pipe_.get(), buffer, sizeof buffer)) > 0 || (count < 0 && errno == EINTR)) {
    pending_.append(buffer, count > 0 ? static_cast<std::size_t>(count) : 0);
    for (std::size_t end = pending_.find('\n'); end != std::string::npos; end = pending_.find('\n')) {
      const std::string line = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      if (const auto progress = progress_from(line)) on_progress(*progress);
      if (auto failure = failure_from(line)) failure_ = std::move(failure);
    }
    if (pending_.size() > longest_line) pending_.clear();
  }
  return count < 0 && errno == EAGAIN;
}

void Job::ask_to_stop() const {
  ::kill(child_, SIGTERM);
}

Status Job::end(bool was_asked_to_stop) {
  const int status = process::wait_for(child_);
  constexpr int interrupted = 130;
  if (WIFEXITED(status) && WEXITSTATUS(status) == interrupted && was_asked_to_stop)
    return with_state(State::unfinished);
  if (!failure_ && WIFEXITED(status)) {
    const Status found = status_of(folder_);
    if (has_ended(found.state)) return found;
  }
  std::string why = failure_ ? failure_->sentence : death(status, folder_);
  if (was_asked_to_stop && !failure_) return with_state(State::unfinished);
  record::replace_file(folder_.failure(), why);
  return with_state(State::failed, std::move(why));
}

}  // namespace precsim::study
