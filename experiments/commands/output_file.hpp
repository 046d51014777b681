// The rules for a file that a command writes beside files that it reads.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace precsim::experiments {

/// Raises UserError where the output is one of the inputs, where its folder does not exist, and where it exists already
/// and is not to be overwritten. `option` is what the user gave it by ("--out"), or empty.
void check_output_file(std::string_view option, const std::string& output, std::span<const std::string> inputs,
                       bool overwrite);

}  // namespace precsim::experiments
