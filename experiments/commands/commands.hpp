// The table of subcommands.
#pragma once

#include <span>
#include <string>

#include "experiments/cli/options.hpp"

namespace precsim::experiments {

/// Each parses its arguments, writes to the streams and returns the exit code.
cli::ExitCode run_train(std::span<const std::string> arguments, cli::Streams& streams);
cli::ExitCode run_study(std::span<const std::string> arguments, cli::Streams& streams);
cli::ExitCode run_gemm(std::span<const std::string> arguments, cli::Streams& streams);
cli::ExitCode run_conv(std::span<const std::string> arguments, cli::Streams& streams);
cli::ExitCode run_analyze(std::span<const std::string> arguments, cli::Streams& streams);
cli::ExitCode run_convert(std::span<const std::string> arguments, cli::Streams& streams);
cli::ExitCode run_formats(std::span<const std::string> arguments, cli::Streams& streams);
cli::ExitCode run_models(std::span<const std::string> arguments, cli::Streams& streams);
cli::ExitCode run_plans(std::span<const std::string> arguments, cli::Streams& streams);
cli::ExitCode run_info(std::span<const std::string> arguments, cli::Streams& streams);
cli::ExitCode run_signature(std::span<const std::string> arguments, cli::Streams& streams);
cli::ExitCode run_bench(std::span<const std::string> arguments, cli::Streams& streams);
/// `precsim bench train`.
cli::ExitCode run_bench_train(std::span<const std::string> arguments, cli::Streams& streams);
cli::ExitCode run_verify(std::span<const std::string> arguments, cli::Streams& streams);
cli::ExitCode run_explain(std::span<const std::string> arguments, cli::Streams& streams);
cli::ExitCode run_compare(std::span<const std::string> arguments, cli::Streams& streams);

/// The program: name, version, subcommands.
cli::Program program();

}  // namespace precsim::experiments
