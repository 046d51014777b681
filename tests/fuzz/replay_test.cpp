// Replays every input under corpus/ and regressions/ through its fuzz target, without a fuzzer.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/targets.hpp"

namespace precsim::fuzz {
namespace {

namespace fs = std::filesystem;

const fs::path inputs_folder = PRECSIM_FUZZ_INPUTS;

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  if (!fs::exists(folder)) return files;
  for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

std::string content(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  EXPECT_TRUE(stream.is_open()) << file;
  return {std::istreambuf_iterator<char>(stream), {}};
}

class Replay : public ::testing::TestWithParam<Target> {
 protected:
  static void run(std::string_view input, const std::string& what) { EXPECT_NO_THROW(GetParam().run(input)) << what; }
};

INSTANTIATE_TEST_SUITE_P(Fuzz, Replay, ::testing::ValuesIn(targets),
                         [](const auto& row) { return std::string(row.param.name); });

TEST_P(Replay, EveryInputIsReadOrRefused) {
  const std::vector<fs::path> seeds = files_in(inputs_folder / "corpus" / GetParam().name);
  EXPECT_GE(seeds.size(), 3u) << "a target needs a corpus";
  for (const fs::path& file : seeds) run(content(file), file.string());
  for (const fs::path& file : files_in(inputs_folder / "regressions" / GetParam().name)) {
    run(content(file), file.string());
  }
}

TEST_P(Replay, EveryInputCutOrWithAByteChangedIsReadOrRefused) {
  constexpr std::size_t most_places = 40;
  std::size_t runs = 0;
  for (const fs::path& file : files_in(inputs_folder / "corpus" / GetParam().name)) {
    const std::string whole = content(file);
    const std::size_t step = whole.size() / most_places + 1;
    for (std::size_t at = 0; at < whole.size(); at += step, ++runs) {
      const std::string what = file.string() + " at byte " + std::to_string(at);
      run(std::string_view(whole).substr(0, at), what + " cut");
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ (runs % 2 == 0 ? 0x01 : 0xff));
      run(changed, what + " changed");
    }
  }
  EXPECT_GE(runs, 10u);
}

TEST(Fuzz, EveryFolderOfInputsBelongsToATarget) {
  std::size_t folders = 0;
  for (const char* kind : {"corpus", "regressions"}) {
    for (const fs::path& folder : files_in(inputs_folder / kind)) {
      const std::string name = folder.filename().string();
      EXPECT_EQ(std::ranges::count(targets, name, &Target::name), 1) << folder;
      ++folders;
    }
  }
  EXPECT_GE(folders, std::size(targets));
}

}  // namespace
}  // namespace precsim::fuzz
