// What the arguments of `precsim compare` stand for: records, and studies with all their runs.
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace precsim::experiments {

struct CompareSources {
  std::vector<std::filesystem::path> files;            ///< records
  std::map<std::filesystem::path, std::string> names;  ///< of those of studies: the point; of several, STUDY/POINT
  std::string reference;                               ///< a name: of the first study's reference, if it has a run
};

/// A folder of a study, or the study.h5 in it, stands for those of its runs that have begun, in its order; a run that
/// several studies have counts once. Raises UserError for a folder that is no study and for a study without such runs.
CompareSources compare_sources(std::span<const std::string> arguments);

/// The file itself; of a folder of a study, its study.h5. Raises UserError for other folders.
std::filesystem::path exact_file(const std::string& argument);

}  // namespace precsim::experiments
