// The program's table of subcommands.
#include "experiments/commands/commands.hpp"

#include <fmt/format.h>

#include "formats/version.hpp"
#include "precsim_version.hpp"

namespace precsim::experiments {
namespace {

constexpr cli::Subcommand table[] = {
    {"train", "train a network under a precision plan and record everything", run_train},
    {"study", "run every point of a study with every seed, and gather the results", run_study},
    {"gemm", "multiply two generated matrices, as a simulation, natively, or both", run_gemm},
    {"conv", "compute one pass of a convolution of generated tensors, likewise", run_conv},
    {"analyze", "tell what number formats do to the tensors of files", run_analyze},
    {"convert", "convert the tensors of a file to a format, as values or as codes", run_convert},
    {"formats", "list the number formats, or explain one", run_formats},
    {"models", "list the networks, or the layers of one", run_models},
    {"plans", "list the precision plans and their settings", run_plans},
    {"compare", "compare runs: accuracy, SQNR, overflow, bits; or two records exactly", run_compare},
    {"explain", "tell step by step how one output of a run came about", run_explain},
    {"verify", "prove the arithmetic on this machine", run_verify},
    {"bench", "time kernels, conversions, simulation and training steps on this machine", run_bench},
    {"signature", "hash every weight bit of short pinned runs, one per precision plan", run_signature},
    {"info", "CPU features, kernels, libraries", run_info},
};

}  // namespace

cli::Program program() {
  return {"precsim", "bit-accurate simulation of training in reduced precision",
          fmt::format("precsim {} (numerics version {}, {})", version, formats::numerics_version, compiler), table};
}

}  // namespace precsim::experiments
