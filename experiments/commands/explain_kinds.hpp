// The two kinds of `precsim explain`: an output of a recorded run, and a reduction of two vectors.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "experiments/cli/options.hpp"
#include "experiments/commands/explain_report.hpp"

namespace precsim::experiments {

/// The story, or what there is to choose from where the product or the output is not named.
cli::ExitCode explain_run(const std::string& file, const cli::Arguments& arguments, cli::Streams& streams);
cli::ExitCode explain_vectors(const cli::Arguments& arguments, cli::Streams& streams);

/// Prints the story as --json and --full say; exit code 1 with a sentence where the engine has other bits.
cli::ExitCode print_story(const ToldStory& told, const cli::Arguments& arguments, cli::Streams& streams);
cli::ExitCode story_exit_code(const ToldStory& told, cli::Streams& streams);

/// Raises UserError "--NAME has no effect WHY" for any of the options that was given.
void refuse_options(const cli::Arguments& arguments, std::span<const std::string_view> options, std::string_view why);

}  // namespace precsim::experiments
