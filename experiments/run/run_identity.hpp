// What identifies a run: the attributes of "/" that its record begins with, and how two runs' differ.
#pragma once

#include <string>
#include <string_view>

#include "experiments/config/config.hpp"
#include "experiments/record/header.hpp"
#include "sim/data/dataset.hpp"

namespace precsim::experiments {

/// As SCHEMA.md lists them.
record::AttributeList run_identity(const config::Config& config, const data::Splits& splits);

/// Why what is identified by `found` in the file `source` is not of this program's numerics and schema version, as a
/// clause; empty if it is. UserError if it does not say.
std::string version_difference(const record::AttributeList& found, std::string_view source);

/// Why what is identified by `found` in `source`, a record or a checkpoint, is not of the run `ours`, as a clause
/// naming the first configuration key that differs, the data, or the attribute; empty if it is. `found` may have more
/// attributes. UserError where it lacks one.
std::string identity_difference(const record::AttributeList& found, const record::AttributeList& ours,
                                std::string_view source);

}  // namespace precsim::experiments
