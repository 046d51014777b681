// precsim info
#include <H5public.h>
#include <fmt/format.h>
#include <omp.h>
#include <zlib.h>

#include <Eigen/Core>
#include <boost/version.hpp>

#include "experiments/cli/table.hpp"
#include "experiments/commands/commands.hpp"
#include "experiments/run/run_options.hpp"
#include "formats/cpu_features.hpp"
#include "formats/version.hpp"
#include "precsim_version.hpp"
#include "sim/kernels/tile.hpp"

namespace precsim::experiments {
namespace {

const cli::Command command{.name = "info",
                           .summary = "Shows version, CPU features, the table of kernels, and libraries.",
                           .options = {{.name = "json", .meaning = "print JSON"}},
                           .example = "precsim info --json"};

cli::Json facts() {
  cli::Json kernels = cli::Json::array();
  for (const kernels::TileKernel& kernel : kernels::tile_kernels()) {
    kernels.push_back({{"name", kernel.name},
                       {"architecture", kernel.architecture},
                       {"usable", kernel.usable()},
                       {"conversions", kernel.arrays}});
  }
  return {{"version", version},
          {"numerics_version", formats::numerics_version},
          {"compiler", compiler},
          {"cpu_features", formats::feature_names(formats::cpu_features())},
          {"processors", omp_get_num_procs()},
          {"kernels", kernels},
          {"libraries",
           {{"eigen", fmt::format("{}.{}.{}", EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION, EIGEN_MINOR_VERSION)},
            {"boost", BOOST_LIB_VERSION},
            {"hdf5", H5_VERS_INFO},
            {"fmt", FMT_VERSION},
            {"zlib", ZLIB_VERSION}}}};
}

}  // namespace

cli::ExitCode run_info(std::span<const std::string> arguments, cli::Streams& streams) {
  if (cli::wants_help(arguments)) {
    streams.out << cli::help_text(command, "precsim");
    return cli::ExitCode::ok;
  }
  const cli::Arguments parsed = cli::parse_arguments(command, arguments);
  const cli::Json all = facts();
  if (parsed.has("json")) {
    streams.out << cli::json_text(all);
    return cli::ExitCode::ok;
  }
  streams.out << program().version << "\n\nCPU features  " << all["cpu_features"].get<std::string>()
              << "\nprocessors    " << all["processors"] << "\n\nkernels of the simulation, fastest first\n";
  const std::string_view chosen = chosen_kernel("").name;
  for (const auto& kernel : all["kernels"]) {
    const bool usable = kernel["usable"];
    streams.out << fmt::format("  {:<12}{:<17}conversions of arrays: {}\n", kernel["name"].get<std::string>(),
                               !usable                    ? "not on this CPU"
                               : kernel["name"] == chosen ? "in use"
                                                          : "usable",
                               kernel["conversions"].get<std::string>());
  }
  streams.out << "  reference   always there: what all others equal\n\nlibraries\n";
  for (const auto& [name, value] : all["libraries"].items()) {
    streams.out << fmt::format("  {:<12}{}\n", name, value.is_string() ? value.get<std::string>() : value.dump());
  }
  return cli::ExitCode::ok;
}

}  // namespace precsim::experiments
