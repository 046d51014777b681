// The process that computes one run of a study, and what it tells the one that started it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "sim/nn/trainer.hpp"

namespace precsim::study {

/// What a worker says, one line each.
struct Progress {
  std::int64_t done = 0;  ///< steps
  std::int64_t total = 0;
  std::string what;  ///< "loss 0.1234", "evaluating"

  friend bool operator==(const Progress&, const Progress&) = default;
};
struct Failure {
  std::string sentence;

  friend bool operator==(const Failure&, const Failure&) = default;
};

std::string to_line(const Progress& progress);
std::string to_line(const Failure& failure);

/// The way back; nothing for any other line.
std::optional<Progress> progress_from(std::string_view line);
std::optional<Failure> failure_from(std::string_view line);

/// Computes the run that `folder` has the configuration of, going on with what is there, and tells its progress on the
/// descriptor `out`: a few lines a second, which are dropped while nobody reads. When nobody can read any more, because
/// the study has died, the run saves and stops as if asked. Raises what run_training() raises, told as a Failure
/// before.
nn::Outcome work(const std::filesystem::path& folder, int out, const std::function<bool()>& stop_requested);

}  // namespace precsim::study
