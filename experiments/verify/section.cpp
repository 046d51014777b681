// Running the sections of a verification.
#include "experiments/verify/section.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <thread>

#include "formats/error.hpp"

namespace precsim::verify {

void Tally::join(const Tally& later) {
  cases_ += later.cases_;
  mismatches_ += later.mismatches_;
  if (!first_) {
    first_ = later.first_;
  }
}

Run::Run(Depth depth, std::uint32_t seed, int threads, OnPart on_part)
    : depth_(depth), seed_(seed), threads_(threads), on_part_(std::move(on_part)) {}

void Run::parallel(std::uint64_t parts, const Body& body) {
  std::vector<Tally> tallies(parts);
  std::atomic<std::uint64_t> next{0};
  std::atomic<std::uint64_t> done{0};
  std::mutex failure_mutex;
  std::exception_ptr failure;
  const auto work = [&](bool reports) {
    for (std::uint64_t part = next++; part < parts; part = next++) {
      try {
        body(part, tallies[part]);
      } catch (...) {
        const std::scoped_lock lock(failure_mutex);
        failure = failure ? failure : std::current_exception();
        next = parts;
      }
      const std::uint64_t now = ++done;
      if (reports) {
        on_part_(now, parts);
      }
    }
  };
  {
    std::vector<std::jthread> helpers;
    for (std::uint64_t i = 1; i < std::min<std::uint64_t>(static_cast<std::uint64_t>(threads_), parts); ++i) {
      helpers.emplace_back(work, false);
    }
    work(true);
  }
  for (const Tally& tally : tallies) {
    tally_.join(tally);
  }
  if (failure) {
    std::rethrow_exception(failure);
  }
}

void Run::serial(const std::function<void(Tally&)>& body) {
  body(tally_);
}

Report run_section(const Section& section, Depth depth, std::uint32_t seed, int threads, const Run::OnPart& on_part) {
  Report report{section, section.obstacle == nullptr ? "" : section.obstacle(), {}, {}, 0};
  if (!report.not_run.empty()) {
    return report;
  }
  const auto start = std::chrono::steady_clock::now();
  Run run(depth, seed, threads, on_part);
  std::string error;
  try {
    section.run(run);
  } catch (const std::exception& thrown) {
    error = thrown.what();
  }
  report.tally = run.tally();
  if (!error.empty()) {
    Tally failed;
    failed.check(false, [&] { return Mismatch{"(the section as a whole)", "no error", error}; });
    report.tally.join(failed);
  } else if (report.tally.cases() == 0) {
    report.tally.check(false, [] { return Mismatch{"(the section as a whole)", "at least one case", "none"}; });
  } else if (run.coverage().empty()) {
    report.tally.check(false, [] {
      return Mismatch{"(the section as a whole)", "it states what it visited", "no statement"};
    });
  }
  report.coverage = run.coverage();
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace precsim::verify
