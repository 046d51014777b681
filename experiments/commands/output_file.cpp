// Checks of outputs before anything is computed.
#include "experiments/commands/output_file.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>

#include "formats/error.hpp"

namespace precsim::experiments {

void check_output_file(std::string_view option, const std::string& output, std::span<const std::string> inputs,
                       bool overwrite) {
  namespace fs = std::filesystem;
  std::error_code error;
  const std::string named = option.empty() ? output : fmt::format("{} {}", option, output);
  for (const std::string& input : inputs) {
    if (fs::equivalent(input, output, error)) {
      throw UserError(fmt::format("{} is one of the files to be read; give another name", named));
    }
  }
  const fs::path folder = fs::path(output).parent_path();
  if (!folder.empty() && !fs::is_directory(folder, error)) {
    throw UserError(fmt::format("{}: there is no folder {}", named, folder.string()));
  }
  if (fs::exists(output, error) && !overwrite) {
    throw UserError(fmt::format("{} exists; give another name, or have it replaced with --overwrite", output));
  }
}

}  // namespace precsim::experiments
