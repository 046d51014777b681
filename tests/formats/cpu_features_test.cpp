// CPU features against what the operating system lists.
#include "formats/cpu_features.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>

namespace precsim::formats {
namespace {

/// The flags of the first processor; empty where the system lists none.
std::set<std::string> system_flags() {
  std::ifstream file("/proc/cpuinfo");
  std::set<std::string> flags;
  for (std::string line; flags.empty() && std::getline(file, line);) {
    if (line.starts_with("flags")) {
      std::istringstream words(line.substr(line.find(':') + 1));
      for (std::string word; words >> word;) {
        flags.insert(word);
      }
    }
  }
  return flags;
}

TEST(CpuFeatures, AgreeWithTheSystem) {
  const std::set<std::string> flags = system_flags();
  if (flags.empty()) {
    GTEST_SKIP() << "/proc/cpuinfo lists no flags here";
  }
  const auto has = [&](const char* flag) { return flags.contains(flag); };
  const bool avx512 = has("avx512f") && has("avx512bw") && has("avx512cd") && has("avx512dq") && has("avx512vl");
  const CpuFeatures& features = cpu_features();
  EXPECT_EQ(features.avx2, has("avx2"));
  EXPECT_EQ(features.fma, has("fma"));
  EXPECT_EQ(features.f16c, has("avx2") && has("f16c"));
  EXPECT_EQ(features.avx512, avx512);
  EXPECT_EQ(features.avx512_vnni, avx512 && has("avx512_vnni"));
  EXPECT_EQ(features.avx_vnni, has("avx2") && has("avx_vnni"));
  EXPECT_EQ(features.avx512_bf16, avx512 && has("avx512_bf16"));
}

TEST(CpuFeatures, NamesInTheOrderOfTheirDeclaration) {
  CpuFeatures features;
  EXPECT_EQ(feature_names(features), "none");
  features.avx2 = features.f16c = true;
  EXPECT_EQ(feature_names(features), "avx2 f16c");
  features = {true, true, true, true, true, true, true};
  EXPECT_EQ(feature_names(features), "avx2 fma f16c avx512 avx512_vnni avx_vnni avx512_bf16");
}

}  // namespace
}  // namespace precsim::formats
