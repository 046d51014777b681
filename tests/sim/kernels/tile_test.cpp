// The table of kernels: its rows, and their sums of squares.
#include "sim/kernels/tile.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <iostream>
#include <set>
#include <string>
#include <vector>

#include "formats/error.hpp"
#include "tests/support/array_support.hpp"
#include "tests/support/product_support.hpp"

namespace precsim::kernels {
namespace {

using support::draw_codes;
using support::Fill;
using support::Sample;

TEST(TileKernels, TheTableEndsWithThePortableRowAndEveryRowHasAllFunctions) {
  const auto table = tile_kernels();
  ASSERT_FALSE(table.empty());
  EXPECT_EQ(table.back().name, "portable");
  EXPECT_EQ(table.back().architecture, "any");
  EXPECT_TRUE(table.back().usable());
  std::set<std::string_view> names;
  const TileKernel* first_usable = nullptr;
  for (const TileKernel& kernel : table) {
    names.insert(kernel.name);
    ASSERT_TRUE(kernel.squares != nullptr && kernel.audit != nullptr && kernel.floats != nullptr &&
                kernel.elementwise != nullptr && kernel.native != nullptr)
        << kernel.name;
    const AuditKernel& audit = *kernel.audit;
    EXPECT_TRUE(audit.squares != nullptr && audit.watch != nullptr && audit.step != nullptr && audit.count != nullptr &&
                audit.spill != nullptr && audit.join != nullptr && audit.result != nullptr && audit.scale != nullptr &&
                audit.exact != nullptr)
        << kernel.name;
    first_usable = first_usable == nullptr && kernel.usable() ? &kernel : first_usable;
  }
  EXPECT_EQ(names.size(), table.size());
  EXPECT_EQ(&best_tile_kernel(), first_usable);
}

TEST(TileKernels, AreFoundByName) {
  for (const TileKernel& kernel : tile_kernels()) {
    if (kernel.usable()) {
      EXPECT_EQ(&find_tile_kernel(kernel.name), &kernel);
    } else {
      EXPECT_THROW(find_tile_kernel(kernel.name), UserError);
    }
  }
  EXPECT_THROW(find_tile_kernel(""), UserError);
  EXPECT_THROW(find_tile_kernel("avx"), UserError);
}

TEST(TileKernels, ArrayConversionsFollowTheInstructionSet) {
  std::set<std::string> named;
  for (const TileKernel& kernel : tile_kernels()) {
    const std::string expected = kernel.name == "avx512_vnni" ? "avx512"
                                 : kernel.name == "avx_vnni"  ? "avx2"
                                                              : std::string(kernel.name);
    EXPECT_EQ(kernel.arrays, expected);
    if (kernel.usable()) {
      EXPECT_EQ(array_kernel(&kernel).name, expected);
      named.insert(expected);
    }
  }
  EXPECT_EQ(&array_kernel(nullptr), &formats::best_array_kernel());
  const std::vector<std::string> required = support::required_array_kernels();
  EXPECT_EQ(named, std::set<std::string>(required.begin(), required.end()));
}

TEST(TileKernels, SumsOfSquaresOfEveryLength) {
  Sample sample(82);
  int checked = 0;
  for (const TileKernel& kernel : tile_kernels()) {
    for (std::size_t count = 0; kernel.usable() && count < 130; ++count) {
      for (const Fill fill : {Fill::all_lowest, Fill::uniform}) {
        const std::vector<std::int16_t> codes = draw_codes(fill, count + 1, sample);
        std::uint64_t expected = 0;
        for (std::size_t k = 1; k <= count; ++k) {
          expected += static_cast<std::uint64_t>(std::int64_t{codes[k]} * codes[k]);
        }
        ASSERT_EQ(kernel.squares(codes.data() + 1, static_cast<std::int64_t>(count)), expected) << kernel.name;
        ++checked;
      }
    }
    if (kernel.usable()) {
      const std::vector<std::int16_t> lowest(std::size_t{1} << 16, -32768);
      ASSERT_EQ(kernel.squares(lowest.data(), 1 << 16), std::uint64_t{1} << 46) << kernel.name;
      std::uint64_t blocks[3] = {1, 1, 1};
      kernel.audit->squares(lowest.data() + 1, 2, blocks);
      ASSERT_EQ(blocks[0], std::uint64_t{1} << 34) << kernel.name;
      ASSERT_EQ(blocks[1], std::uint64_t{1} << 34) << kernel.name;
      ASSERT_EQ(blocks[2], 1u) << kernel.name;
    }
  }
  EXPECT_GE(checked, 260);
}

}  // namespace
}  // namespace precsim::kernels
