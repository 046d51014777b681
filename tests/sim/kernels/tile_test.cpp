// The tile kernels one by one, on chains that no whole product would meet, against the oracle.
#include "sim/kernels/tile.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <iostream>
#include <set>
#include <string>
#include <vector>

#include "formats/error.hpp"
#include "tests/oracle/product_oracle.hpp"
#include "tests/support/array_support.hpp"
#include "tests/support/product_support.hpp"

namespace precsim::kernels {
namespace {

using arith::Atom;
using arith::OverflowRule;
using support::draw_codes;
using support::Fill;
using support::fills;
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
    EXPECT_TRUE(kernel.proved_chain != nullptr && kernel.stepped_chain != nullptr && kernel.exact_chain != nullptr &&
                kernel.squares != nullptr && kernel.spill != nullptr && kernel.floats != nullptr &&
                kernel.native != nullptr)
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

/// Operands of one tile, both as packed.
struct Operands {
  std::vector<std::int16_t> rows;
  std::vector<std::int32_t> lanes;
  std::int64_t length;

  IntegerTile tile(std::int64_t begin, std::int64_t end, Atom atom, OverflowRule rule) const {
    IntegerTile out{{}, lanes.data(), begin, end, atom, rule};
    for (int r = 0; r < tile_rows; ++r) {
      out.rows[r] = rows.data() + r * length;
    }
    return out;
  }
  std::int64_t product(int r, int j, std::int64_t k) const {
    return std::int64_t{rows[static_cast<std::size_t>(r * length + k)]} *
           lanes[static_cast<std::size_t>(k * tile_lanes + j)];
  }
};
Operands draw(Fill fill, std::int64_t length, int shift, Sample& sample) {
  Operands out{draw_codes(fill, static_cast<std::size_t>(tile_rows * length), sample), {}, length};
  const std::vector<std::int16_t> lanes = draw_codes(fill, static_cast<std::size_t>(tile_lanes * length), sample);
  for (std::int16_t& code : out.rows) {
    code = static_cast<std::int16_t>(code >> shift);
  }
  out.lanes.assign(lanes.begin(), lanes.end());
  return out;
}

TEST(TileKernels, SteppedChainsEqualTheRecountInEveryLane) {
  std::cout << "tile kernels exercised:";
  int exercised = 0;
  bool portable = false;
  for (const TileKernel& kernel : tile_kernels()) {
    if (!kernel.usable()) {
      continue;
    }
    std::cout << ' ' << kernel.name;
    ++exercised;
    portable = portable || kernel.name == "portable";
    Sample sample(81);
    for (int run = 0; run < support::sample_size(1500); ++run) {
      const Fill fill = fills[sample.below(5)];
      const Operands x =
          draw(fill, 1 + static_cast<std::int64_t>(sample.below(70)), static_cast<int>(sample.below(3)), sample);
      const Atom atom = run % 3 == 0 ? Atom::single : run % 3 == 1 ? Atom::pair : Atom::pair4;
      const OverflowRule rule = run % 2 == 0 ? OverflowRule::wrap : OverflowRule::saturate;
      const auto begin = static_cast<std::int64_t>(sample.below(static_cast<std::uint64_t>(x.length)));
      IntegerTileState state{};
      for (int o = 0; o < tile_rows * tile_lanes; ++o) {
        state.first[o / tile_lanes][o % tile_lanes] = o % 3 == 0 ? 5 : -1;
        state.events[o / tile_lanes][o % tile_lanes] = static_cast<std::uint32_t>(o);
      }
      kernel.stepped_chain(x.tile(begin, x.length, atom, rule), state);
      for (int o = 0; o < tile_rows * tile_lanes; ++o) {
        const int r = o / tile_lanes;
        const int j = o % tile_lanes;
        std::vector<std::int64_t> products;
        for (std::int64_t k = begin; k < x.length; ++k) {
          products.push_back(x.product(r, j, k));
        }
        const oracle::Lane lane =
            oracle::run_lane(products, atom == Atom::single ? 1 : 2, rule == OverflowRule::saturate);
        ASSERT_EQ(state.lane[r][j], lane.value) << kernel.name;
        ASSERT_EQ(state.true_sum[r][j], static_cast<std::int64_t>(lane.true_sum)) << kernel.name;
        ASSERT_EQ(state.events[r][j], static_cast<std::uint32_t>(o) + lane.events) << kernel.name;
        const std::int64_t first = o % 3 == 0 ? 5 : lane.events == 0 ? -1 : begin + lane.first;
        ASSERT_EQ(state.first[r][j], first) << kernel.name;
      }
    }
  }
  std::cout << '\n';
  EXPECT_TRUE(portable);
  EXPECT_GE(exercised, 1);
}

TEST(TileKernels, EveryFourCornerPairFromEveryEdgeOfTheLane) {
  constexpr std::int16_t corners[] = {-32768, -32767, 32766, 32767};
  int checked = 0;
  for (const TileKernel& kernel : tile_kernels()) {
    for (int pattern = 0; kernel.usable() && pattern < 256; ++pattern) {
      // Six products bring the lane near an end of the range, then the corner pair steps over it.
      Operands x{std::vector<std::int16_t>(4 * 4), std::vector<std::int32_t>(4 * tile_lanes), 4};
      for (int r = 0; r < tile_rows; ++r) {
        x.rows[static_cast<std::size_t>(4 * r)] = r % 2 == 0 ? std::int16_t{-32768} : std::int16_t{32767};
        x.rows[static_cast<std::size_t>(4 * r + 1)] = r < 2 ? std::int16_t{-32768} : std::int16_t{1};
        x.rows[static_cast<std::size_t>(4 * r + 2)] = corners[pattern & 3];
        x.rows[static_cast<std::size_t>(4 * r + 3)] = corners[pattern >> 2 & 3];
      }
      for (int j = 0; j < tile_lanes; ++j) {
        x.lanes[static_cast<std::size_t>(j)] = j % 2 == 0 ? -32768 : 32767;
        x.lanes[static_cast<std::size_t>(tile_lanes + j)] = j % 4 < 2 ? -32768 : 32767 - j;
        x.lanes[static_cast<std::size_t>(2 * tile_lanes + j)] = corners[pattern >> 4 & 3];
        x.lanes[static_cast<std::size_t>(3 * tile_lanes + j)] = corners[pattern >> 6 & 3];
      }
      for (const OverflowRule rule : {OverflowRule::wrap, OverflowRule::saturate}) {
        IntegerTileState state{};
        kernel.stepped_chain(x.tile(0, 4, Atom::pair, rule), state);
        for (int r = 0; r < tile_rows; ++r) {
          for (int j = 0; j < tile_lanes; ++j) {
            const oracle::Lane lane =
                oracle::run_lane({x.product(r, j, 0), x.product(r, j, 1), x.product(r, j, 2), x.product(r, j, 3)}, 2,
                                 rule == OverflowRule::saturate);
            ASSERT_EQ(state.lane[r][j], lane.value) << kernel.name << ' ' << pattern;
            ASSERT_EQ(state.events[r][j], lane.events) << kernel.name << ' ' << pattern;
            ASSERT_EQ(state.true_sum[r][j], static_cast<std::int64_t>(lane.true_sum)) << kernel.name << ' ' << pattern;
            ++checked;
          }
        }
      }
    }
  }
  EXPECT_GE(checked, 256 * 2 * tile_rows * tile_lanes);
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
    }
  }
  EXPECT_GE(checked, 260);
}

}  // namespace
}  // namespace precsim::kernels
