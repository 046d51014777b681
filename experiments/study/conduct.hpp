// Conducting a study: its runs as processes, a few at a time, until all have ended.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "experiments/study/folder.hpp"
#include "experiments/study/grid.hpp"
#include "experiments/study/worker.hpp"

namespace precsim::study {

/// Every n-th run, beginning with number i of 1 ... n.
struct Shard {
  std::size_t index = 1;
  std::size_t count = 1;
};
/// "2/8". Throws UserError.
Shard parse_shard(std::string_view text);

/// The runs of a shard, as indices into the outline.
std::vector<std::size_t> runs_of(const Outline& outline, const Shard& shard);

/// Follows the conduct of a study; called from its own thread alone.
class Follower {
 public:
  virtual ~Follower() = default;
  virtual void on_start(std::size_t /*run*/) {}
  virtual void on_progress(std::size_t /*run*/, const Progress&) {}
  /// It has ended, failed, or was stopped (unfinished). Also for runs that another process ended.
  virtual void on_end(std::size_t /*run*/, const Status&) {}
  /// The other processes that work on runs of this study have so many of them, and nothing else is left to do.
  virtual void on_wait(std::size_t /*runs*/) {}
  /// Several times a second.
  virtual void on_tick() {}
  virtual bool stop_requested() { return false; }
};

/// Throws UserError where what is there cannot stand beside what is asked for: records written with another engine or
/// schema, runs over the same data by name whose content differs. Gives the state of every run of the outline.
std::vector<Status> checked_states(const std::filesystem::path& study, const Outline& outline);

/// Runs what is left of `runs`, `jobs` processes at a time, each in its folder with configuration, manifest and log.
/// A run is locked by an open file of its process: what another process works on is left to it, and waited for at the
/// end. Failed runs are tried again. When asked to stop, the runs are asked to save and stop, and waited for. Returns
/// the states of all runs of the plan.
std::vector<Status> conduct(const std::filesystem::path& study, const Plan& plan, std::span<const std::size_t> runs,
                            std::size_t jobs, Follower& follower);

}  // namespace precsim::study
