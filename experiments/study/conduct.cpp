// The loop over processes.
#include "experiments/study/conduct.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <cstdio>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "experiments/record/file_io.hpp"
#include "experiments/study/job.hpp"
#include "experiments/study/manifest.hpp"
#include "formats/error.hpp"
#include "formats/grammar.hpp"
#include "formats/words.hpp"

namespace precsim::study {
namespace {

namespace fs = std::filesystem;

constexpr int tick_milliseconds = 100;

std::string described(const PlannedRun& run) {
  return fmt::format("{}, seed {}", run.point, run.seed);
}

class Conductor {
 public:
  Conductor(const fs::path& study, const Plan& plan, std::vector<Status> states, std::size_t jobs, Follower& follower)
      : study_(study), plan_(plan), states_(std::move(states)), most_(jobs), follower_(follower) {}

  std::vector<Status> conduct(std::span<const std::size_t> runs) {
    for (const std::size_t run : runs) {
      if (!has_ended(states_[run].state)) waiting_.push_back(run);
    }
    while (!jobs_.empty() || (!stopping_ && !(waiting_.empty() && busy_.empty()))) {
      start_jobs();
      if (waiting_.empty() && !busy_.empty() && jobs_.size() < most_) {
        if (jobs_.empty()) follower_.on_wait(busy_.size());
        waiting_.swap(busy_);
      }
      listen();
      follower_.on_tick();
      if (!stopping_ && follower_.stop_requested()) {
        stopping_ = true;
        for (const auto& job : jobs_) job->ask_to_stop();
      }
    }
    return std::move(states_);
  }

 private:
  void start_jobs() {
    while (!stopping_ && !waiting_.empty() && jobs_.size() < most_) {
      const std::size_t run = waiting_.front();
      waiting_.pop_front();
      start(run);
    }
  }

  /// Under its lock, so that what its folder says stays true; another process's run is put off.
  void start(std::size_t run) {
    const RunFolder folder = run_folder(study_, plan_.outline.runs[run].hash);
    make_folder(folder.path);
    const std::optional<Lock> lock = Lock::take(folder.lock());
    if (!lock) {
      busy_.push_back(run);
      return;
    }
    const Status found = status_of(folder);
    if (has_ended(found.state) || found.is_damaged) {
      end(run, found);
      return;
    }
    std::remove(folder.failure().c_str());
    record::replace_file(folder.manifest(), manifest_text(plan_.outline, plan_.outline.runs[run], plan_.configs[run]));
    record::replace_file(folder.configuration(), plan_.configs[run].to_ini(config::ProvenanceKeys::marked));
    jobs_.push_back(std::make_unique<Job>(run, folder, *lock));
    follower_.on_start(run);
  }

  void listen() {
    std::vector<pollfd> ready;
    for (const auto& job : jobs_) ready.push_back({job->descriptor(), POLLIN, 0});
    if (::poll(ready.data(), ready.size(), tick_milliseconds) <= 0) return;
    for (std::size_t i = ready.size(); i-- > 0;) {
      if (ready[i].revents == 0) continue;
      const std::size_t run = jobs_[i]->run();
      if (jobs_[i]->read([&](const Progress& progress) { follower_.on_progress(run, progress); })) continue;
      const Status status = jobs_[i]->end(stopping_);
      jobs_.erase(jobs_.begin() + static_cast<std::ptrdiff_t>(i));
      end(run, status);
    }
  }

  void end(std::size_t run, const Status& status) {
    states_[run] = status;
    follower_.on_end(run, status);
  }

  const fs::path& study_;
  const Plan& plan_;
  std::vector<Status> states_;
  std::size_t most_;
  Follower& follower_;
  std::deque<std::size_t> waiting_, busy_;
  std::vector<std::unique_ptr<Job>> jobs_;
  bool stopping_ = false;
};

}  // namespace

Shard parse_shard(std::string_view text) {
  const std::size_t slash = std::min(text.find('/'), text.size());
  std::int64_t count = 0;
  std::int64_t index = 0;
  if (slash == text.size() || !formats::parse_integer(text.substr(slash + 1), 1, most_runs, count) ||
      !formats::parse_integer(text.substr(0, slash), 1, count, index)) {
    throw UserError(fmt::format("--shard must be i/n with i from 1 to n and n at most {}, such as 2/8, not {}",
                                most_runs, formats::quote(text)));
  }
  return {static_cast<std::size_t>(index), static_cast<std::size_t>(count)};
}

std::vector<std::size_t> runs_of(const Outline& outline, const Shard& shard) {
  std::vector<std::size_t> runs;
  for (std::size_t run = shard.index - 1; run < outline.runs.size(); run += shard.count) runs.push_back(run);
  return runs;
}

std::vector<Status> checked_states(const fs::path& study, const Outline& outline) {
  std::vector<Status> states;
  std::map<std::string, std::size_t> first_with;
  for (const PlannedRun& run : outline.runs) {
    const RunFolder folder = run_folder(study, run.hash);
    const std::string record = folder.record().string();
    Status status = status_of(folder);
    if (!status.engine.empty() && status.engine != run.engine) {
      throw UserError(
          fmt::format("{} ({}) was recorded with the engine {}, but the study asks for {}; ask for the same "
                      "(--set run.engine={}), or give another --out",
                      record, described(run), status.engine, run.engine, status.engine));
    }
    if (!status.data.empty()) {
      const auto [first, is_new] = first_with.emplace(status.data, states.size());
      if (!is_new && states[first->second].data_checksums != status.data_checksums) {
        throw UserError(
            fmt::format("{} ({}) was computed on other data than the run {}, although both have the same "
                        "settings of [data]; move the folder of one away to have it run again",
                        record, described(run), described(outline.runs[first->second])));
      }
    }
    states.push_back(std::move(status));
  }
  return states;
}

std::vector<Status> conduct(const fs::path& study, const Plan& plan, std::span<const std::size_t> runs,
                            std::size_t jobs, Follower& follower) {
  return Conductor(study, plan, checked_states(study, plan.outline), jobs, follower).conduct(runs);
}

}  // namespace precsim::study
