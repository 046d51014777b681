// What `precsim verify` prints, and the exit code it ends with.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "experiments/cli/options.hpp"
#include "experiments/verify/section.hpp"

namespace precsim::experiments {

struct VerifyRequest {
  verify::Depth depth = verify::Depth::standard;
  std::uint32_t seed = 1;
  int threads = 1;
};

/// The machine, a row per section, the first mismatch of each section that has any, totals.
std::string verify_text(const VerifyRequest& request, const std::vector<verify::Report>& reports);
/// The same as JSON, with what each section claims.
std::string verify_json(const VerifyRequest& request, const std::vector<verify::Report>& reports);
/// `mismatch` if any section has one.
cli::ExitCode verify_exit_code(const std::vector<verify::Report>& reports);

}  // namespace precsim::experiments
