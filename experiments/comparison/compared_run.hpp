// One run as comparisons see it: read from its record.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace precsim::comparison {

/// Signal-to-noise ratios of conversions, in dB.
struct Sqnr {
  std::uint64_t conversions = 0;
  std::uint64_t lossless = 0;  ///< without noise: infinite
  double sum = 0;              ///< over the finite ones
  std::uint64_t finite = 0;
  double worst = 0;  ///< of the finite ones

  void add(double db);
  void add(const Sqnr& other);
  /// Over the finite ones; infinite where all are lossless, NaN without any.
  double mean() const;
};

/// What the recorded product calls of one layer and pass say about their accumulators.
struct Overflow {
  std::uint64_t calls = 0;      ///< integer products recorded
  std::uint64_t proved = 0;     ///< of them, those proved free of overflow
  std::uint64_t simulated = 0;  ///< of them, those whose events were counted
  std::uint64_t events = 0;     ///< over the simulated ones
  std::uint64_t outputs = 0;    ///< with at least one event, over the simulated ones

  void add(const Overflow& other);
  /// Whether events were counted, or none can have been.
  bool known() const { return simulated == calls || proved == calls; }
};

using LayerRole = std::pair<std::string, std::string>;  ///< layer, role or pass

/// A row of /evaluation.
struct Evaluation {
  std::int64_t step = 0;
  double accuracy = 0, loss = 0;
};

struct ComparedRun {
  std::filesystem::path file;
  /// Key and value of everything that can move a bit but the seed: the configuration, checksums of the data, the
  /// numerics version.
  std::map<std::string, std::string> settings;
  std::int64_t seed = 0;
  std::string outcome;  ///< finished, interrupted, diverged, or unfinished
  std::string state_hash;
  double seconds = 0;                     ///< 0 where the run has not ended
  std::map<std::string, double> figures;  ///< of /summary; empty where the run has not ended
  std::optional<Evaluation> latest;       ///< the last of /evaluation
  std::vector<std::string> training;      ///< rows of /training as the record holds them
  std::vector<LayerRole> layers;          ///< keys of `sqnr` in the order in which they occur
  std::map<LayerRole, Sqnr> sqnr;         ///< of operands and of whatever is not FP32
  std::vector<LayerRole> passes;          ///< keys of `overflow` likewise
  std::map<LayerRole, Overflow> overflow;

  bool has_ended() const { return outcome == "finished" || outcome == "diverged"; }
};

/// Raises UserError where the file is no record, is damaged, or has another schema version.
ComparedRun read_run(const std::filesystem::path& file);

/// The first step whose row of /training differs, or -1: the loss of a step shows the weights before it and its forward
/// pass. A row that one of them lacks differs.
std::int64_t first_parting(const ComparedRun& one, const ComparedRun& other);

}  // namespace precsim::comparison
