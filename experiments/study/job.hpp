// One run of a study at work in a process of its own.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "experiments/record/file_io.hpp"
#include "experiments/study/folder.hpp"
#include "experiments/study/worker.hpp"

namespace precsim::study {

/// The child holds the run's lock for as long as it lives; this object does not.
class Job {
 public:
  /// Starts `precsim study --worker FOLDER`; what the child prints goes to its log. UserError where the system starts
  /// no process.
  Job(std::size_t run, const RunFolder& folder, const Lock& lock);

  std::size_t run() const { return run_; }
  /// Readable when the child has said something, or has ended.
  int descriptor() const { return pipe_.get(); }
  /// Reads what there is; false once the child has ended, or has closed its end.
  bool read(const std::function<void(const Progress&)>& on_progress);
  void ask_to_stop() const;
  /// Waits for the child: the state of the run. Where it failed, its folder says why.
  Status end(bool was_asked_to_stop);

 private:
  std::size_t run_;
  RunFolder folder_;
  record::FileDescriptor pipe_;
  pid_t child_ = -1;
  std::string pending_;
  std::optional<Failure> failure_;
};

}  // namespace precsim::study
