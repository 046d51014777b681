// What a proof of `precsim verify` is: a row of a table, and what it counts while it runs.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace precsim::verify {

/// How much of a space that is too large for every day is visited.
enum class Depth : std::uint8_t { quick, standard, full };

/// One case that went wrong. Numbers as bits in hexadecimal, with what is needed to repeat the case.
struct Mismatch {
  std::string input, expected, actual;
};

/// What one part of a section counted. Cases come in their order; the first mismatch is kept.
class Tally {
 public:
  /// Counts one case; `describe` returns its Mismatch and is called for the first one that is not `equal`.
  template <class Describe>
  void check(bool equal, Describe&& describe) {
    ++cases_;
    if (!equal) [[unlikely]] {
      ++mismatches_;
      if (!first_) {
        first_ = describe();
      }
    }
  }
  /// Counts cases that were compared in bulk and found equal.
  void pass(std::uint64_t cases) { cases_ += cases; }
  /// Adds what a later part counted.
  void join(const Tally& later);

  std::uint64_t cases() const { return cases_; }
  std::uint64_t mismatches() const { return mismatches_; }
  const std::optional<Mismatch>& first() const { return first_; }

 private:
  std::uint64_t cases_ = 0;
  std::uint64_t mismatches_ = 0;
  std::optional<Mismatch> first_;
};

/// What a running section has: how deep to go, a seed, threads, and the place for its counts. Which cases are visited
/// depends on depth and seed, never on threads.
class Run {
 public:
  using Body = std::function<void(std::uint64_t part, Tally& tally)>;
  using OnPart = std::function<void(std::uint64_t done, std::uint64_t parts)>;

  Run(Depth depth, std::uint32_t seed, int threads, OnPart on_part);

  Depth depth() const { return depth_; }
  std::uint32_t seed() const { return seed_; }
  /// The value for the depth.
  template <class T>
  T by_depth(T quick, T standard, T full) const {
    return depth_ == Depth::quick ? quick : depth_ == Depth::standard ? standard : full;
  }

  /// Calls body(part, tally) for every part in [0, parts), parts spread over the threads; their tallies are joined in
  /// order. A part should take well under a second. What a body throws stops the section and is thrown here.
  void parallel(std::uint64_t parts, const Body& body);
  /// One part, on this thread.
  void serial(const std::function<void(Tally&)>& body);

  /// States which cases of the whole space were visited: "all 2^16 codes", "2^22 of 2^32 inputs, seeded". Every section
  /// does; the last statement counts.
  void covers(std::string text) { coverage_ = std::move(text); }

  const Tally& tally() const { return tally_; }
  const std::string& coverage() const { return coverage_; }

 private:
  Depth depth_;
  std::uint32_t seed_;
  int threads_;
  OnPart on_part_;
  Tally tally_;
  std::string coverage_;
};

/// One row of the table.
struct Section {
  std::string_view name;    ///< "convert/fp16/f16c"
  std::string_view what;    ///< the claim: "FP32 to fp16, the four modes of the hardware"
  std::string_view oracle;  ///< what it is held against: "VCVTPS2PH", "MPFR", "exact integers"
  /// Why the section cannot run on this machine or build, a half sentence ("the CPU has no F16C"); empty where it can.
  /// Null: it always can.
  std::string (*obstacle)();
  void (*run)(Run& run);
};

/// All sections in the order in which they run.
std::vector<Section> sections();

/// What became of a section.
struct Report {
  Section section;
  std::string not_run;  ///< why; empty if it ran
  Tally tally;
  std::string coverage;
  double seconds = 0;
};

/// Runs one section, or reports why it cannot. A section that raises an error, and one that ran without a single case
/// or did not state what it visited, count as one mismatch.
Report run_section(const Section& section, Depth depth, std::uint32_t seed, int threads, const Run::OnPart& on_part);

}  // namespace precsim::verify
