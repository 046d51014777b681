// Where the runs of a study lie, what state each is in, and who works on it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/record/file_io.hpp"
#include "experiments/study/grid.hpp"

namespace precsim::study {

/// The files of one run, in DIR/runs/HASH.
struct RunFolder {
  std::filesystem::path path;

  std::filesystem::path record() const { return path / "run.h5"; }
  std::filesystem::path configuration() const { return path / "run.ini"; }
  std::filesystem::path manifest() const { return path / "manifest.json"; }
  std::filesystem::path log() const { return path / "log.txt"; }
  std::filesystem::path failure() const { return path / "failure.txt"; }
  std::filesystem::path lock() const { return path / "lock"; }
};

/// Whether a text can be a configuration hash.
bool is_hash(std::string_view text);

RunFolder run_folder(const std::filesystem::path& study, const std::string& hash);
std::filesystem::path gathered_file(const std::filesystem::path& study);

enum class State : std::uint8_t { waiting, unfinished, finished, diverged, failed };

/// "waiting", "unfinished", "finished", "diverged", "failed".
std::string_view name(State state);

/// Whether there is nothing left to compute.
inline bool has_ended(State state) {
  return state == State::finished || state == State::diverged;
}

struct Status {
  State state = State::waiting;
  std::string message;  ///< why it failed or diverged
  std::string engine;   ///< that its record was written with; empty without a record
  std::string data;     ///< of an ended run: the settings of its data
  std::string data_checksums;
  bool is_damaged = false;  ///< failed: there is a record, and nothing can be done with it
};

/// The state of a run as its folder tells it. A record that is damaged, or was changed since it was written (its seal),
/// makes it a failed one; one of another schema version raises UserError. A record of a run that has not ended is left
/// for the run itself to judge.
Status status_of(const RunFolder& folder);

/// Exclusive ownership of a file; lives on in a child that the descriptor is given to, and ends with the last owner,
/// however that dies.
class Lock {
 public:
  /// Nothing if another process has it. Creates the file.
  static std::optional<Lock> take(const std::filesystem::path& file);
  /// Waits for it.
  static Lock wait(const std::filesystem::path& file);
  /// Whether some process has it; creates nothing.
  static bool is_taken(const std::filesystem::path& file);

  int descriptor() const { return descriptor_.get(); }

 private:
  explicit Lock(record::FileDescriptor descriptor) : descriptor_(std::move(descriptor)) {}
  record::FileDescriptor descriptor_;
};

/// Creates a folder and those above it; UserError where that fails.
void make_folder(const std::filesystem::path& path);

/// A text file of at most `most` bytes, empty if there is none; UserError where it cannot be read or is longer.
std::string read_text(const std::filesystem::path& file, std::size_t most);

/// The folders in DIR/runs of ended runs that the outline does not have, by what their manifests call them.
std::vector<std::string> left_over(const std::filesystem::path& study, const Outline& outline);

}  // namespace precsim::study
