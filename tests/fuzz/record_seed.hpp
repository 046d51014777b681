// The small record that targets of the record start from.
#pragma once

#include <string>

#include "experiments/record/run_file.hpp"

namespace precsim::fuzz {

/// The identity of small_record(), and that of another one.
extern const record::Identity small_identity;
extern const record::Identity other_identity;

/// Two tables, of three rows and of one.
record::RunContents small_record();

/// The file of small_record() under an identity; built once for each of the two.
const std::string& small_image(const record::Identity& identity);

}  // namespace precsim::fuzz
