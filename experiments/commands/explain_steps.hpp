// The tables of steps and spills of a story.
#pragma once

#include <string>

#include "experiments/commands/explain_report.hpp"

namespace precsim::experiments {

/// The shortest text that reads back to the same number; of integers, every digit.
std::string float_text(float value);
/// "0x3f800000".
std::string bits_text(float value);
/// Whether the product is of images: more than rows and columns.
bool has_taps(const explain::Story& story);

/// What `shown` has of the steps and the spills, with dots where some are left out.
std::string integer_steps_text(const explain::Story& story, const explain::Excerpt& shown);
std::string float_steps_text(const ToldStory& told, const explain::Excerpt& shown);
/// Of integers or scaled elements.
std::string spills_text(const explain::Story& story, const explain::Excerpt& shown);

}  // namespace precsim::experiments
