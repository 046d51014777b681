// Small pictures for tests: those of tests/golden/pictures, 21 x 14 pixels each.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace precsim::data {

using Bytes = std::vector<std::uint8_t>;

inline Bytes golden_picture(const std::string& name) {
  std::ifstream file(std::filesystem::path(PRECSIM_GOLDEN_DIR) / "pictures" / name, std::ios::binary);
  EXPECT_TRUE(file.is_open()) << name;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace precsim::data
