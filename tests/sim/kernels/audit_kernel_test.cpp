// The functions of the audit one by one, on lines that no whole product would meet, against the oracle.
#include "sim/kernels/audit_kernel.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <vector>

#include "sim/arith/chain.hpp"
#include "sim/kernels/tile.hpp"
#include "tests/oracle/product_oracle.hpp"
#include "tests/support/operand_support.hpp"

namespace precsim::kernels {
namespace {

using arith::Atom;
using arith::OverflowRule;
using support::draw_codes;
using support::Fill;
using support::fills;
using support::Sample;

/// The usable rows, once per set of audit functions.
std::vector<const TileKernel*> rows_under_test() {
  std::vector<const TileKernel*> rows;
  for (const TileKernel& kernel : tile_kernels()) {
    const bool known =
        std::any_of(rows.begin(), rows.end(), [&](const auto* row) { return row->audit == kernel.audit; });
    if (kernel.usable() && !known) {
      rows.push_back(&kernel);
      std::cout << kernel.name << ' ';
    }
  }
  std::cout << "exercised\n";
  EXPECT_EQ(rows.back()->name, "portable");
  return rows;
}

/// One line as the kernels read it: a row of pairs, and pairs of sixteen lanes.
struct Line {
  std::vector<std::int16_t> row, lanes;  ///< codes: [k], [step][lane][2]

  Line(Fill fill, std::int64_t steps, int shift, Sample& sample)
      : row(draw_codes(fill, static_cast<std::size_t>(2 * steps), sample)),
        lanes(draw_codes(fill, static_cast<std::size_t>(2 * steps * line_lanes), sample)) {
    for (std::int16_t& code : row) {
      code = static_cast<std::int16_t>(code >> shift);
    }
  }
  std::int64_t steps() const { return static_cast<std::int64_t>(row.size()) / 2; }
  SteppedPiece piece(std::int64_t begin, Atom atom, OverflowRule rule) const {
    return {reinterpret_cast<const native::Word*>(row.data()) + begin,
            reinterpret_cast<const native::Word*>(lanes.data()) + begin * line_lanes,
            steps() - begin,
            1000 + 2 * begin,
            atom,
            rule};
  }
  std::vector<std::int64_t> products(int lane, std::int64_t begin) const {
    std::vector<std::int64_t> all;
    for (auto k = static_cast<std::size_t>(2 * begin); k < row.size(); ++k) {
      const std::size_t at = (k / 2 * line_lanes + static_cast<std::size_t>(lane)) * 2 + k % 2;
      all.push_back(std::int64_t{row[k]} * lanes[at]);
    }
    return all;
  }
};

void expect_steps(const TileKernel& kernel, const Line& line, std::int64_t begin, Atom atom, OverflowRule rule) {
  SteppedLine stepped{};
  for (int j = 0; j < line_lanes; ++j) {
    stepped.first[j] = j % 3 == 0 ? 5 : -1;
    stepped.events[j] = static_cast<std::uint32_t>(j);
  }
  // In two pieces, so that the second goes on where the first has stopped.
  SteppedPiece piece = line.piece(begin, atom, rule);
  SteppedPiece first = piece;
  first.steps = piece.steps / 2;
  kernel.audit->step(first, stepped);
  piece.row += first.steps;
  piece.panel += first.steps * line_lanes;
  piece.k += 2 * first.steps;
  piece.steps -= first.steps;
  kernel.audit->step(piece, stepped);
  for (int j = 0; j < line_lanes; ++j) {
    const oracle::Lane lane =
        oracle::run_lane(line.products(j, begin), atom == Atom::single ? 1 : 2, rule == OverflowRule::saturate);
    const std::uint32_t found = rule == OverflowRule::saturate ? stepped.clamped[j] : stepped.low[j];
    ASSERT_EQ(static_cast<std::int32_t>(found), lane.value) << kernel.name;
    ASSERT_EQ(stepped.high[j] * (std::int64_t{1} << 32) + static_cast<std::int32_t>(stepped.low[j]),
              static_cast<std::int64_t>(lane.true_sum))
        << kernel.name;
    ASSERT_EQ(stepped.events[j], static_cast<std::uint32_t>(j) + lane.events) << kernel.name;
    ASSERT_EQ(stepped.first[j], j % 3 == 0 ? 5 : lane.events == 0 ? -1 : 1000 + 2 * begin + lane.first) << kernel.name;
  }
}

TEST(AuditKernels, StepsEqualTheRecountInEveryLane) {
  for (const TileKernel* kernel : rows_under_test()) {
    Sample sample(81);
    for (int run = 0; run < support::sample_size(1500); ++run) {
      const Line line(fills[sample.below(5)], 1 + static_cast<std::int64_t>(sample.below(35)),
                      static_cast<int>(sample.below(3)), sample);
      const auto begin = static_cast<std::int64_t>(sample.below(static_cast<std::uint64_t>(line.steps())));
      const Atom atom = run % 3 == 0 ? Atom::single : run % 3 == 1 ? Atom::pair : Atom::pair4;
      expect_steps(*kernel, line, begin, atom, run % 2 == 0 ? OverflowRule::wrap : OverflowRule::saturate);
      ASSERT_FALSE(HasFatalFailure());
    }
  }
}

TEST(AuditKernels, EveryFourCornerPairFromEveryEdgeOfTheLane) {
  constexpr std::int16_t corners[] = {-32768, -32767, 32766, 32767};
  int checked = 0;
  for (const TileKernel* kernel : rows_under_test()) {
    for (std::size_t pattern = 0; pattern < 1024; ++pattern) {
      // Two products bring the lane near an end of the range, then the corner pair steps over it.
      Sample sample(pattern);
      Line line(Fill::uniform, 2, 0, sample);
      line.row = {pattern & 256 ? std::int16_t{-32768} : std::int16_t{32767},
                  pattern & 512 ? std::int16_t{-32768} : std::int16_t{1}, corners[pattern & 3],
                  corners[pattern >> 2 & 3]};
      for (std::size_t j = 0; j < line_lanes; ++j) {
        line.lanes[2 * j] = j % 2 == 0 ? -32768 : 32767;
        line.lanes[2 * j + 1] = j % 4 < 2 ? std::int16_t{-32768} : static_cast<std::int16_t>(32767 - j);
        line.lanes[2 * (line_lanes + j)] = corners[pattern >> 4 & 3];
        line.lanes[2 * (line_lanes + j) + 1] = corners[pattern >> 6 & 3];
      }
      for (const OverflowRule rule : {OverflowRule::wrap, OverflowRule::saturate}) {
        expect_steps(*kernel, line, 0, Atom::pair, rule);
        ASSERT_FALSE(HasFatalFailure()) << pattern;
        ++checked;
      }
    }
  }
  EXPECT_GE(checked, 2048);
}

/// Lines of three rows and two panels whose lanes lie around the bound of the piece that begins with them.
struct Watched {
  static constexpr int rows = 3, panels = 2, pieces = 5, lines = rows * panels;
  std::uint32_t from_zero;
  std::vector<float> row_norms, lane_norms, largest;
  std::vector<std::int32_t> lanes;  ///< slots from -1 on

  explicit Watched(Sample& sample)
      : from_zero(static_cast<std::uint32_t>(sample.below(1 << pieces))),
        largest(pieces),
        lanes(pieces * lines * line_lanes) {
    const std::uint64_t most = sample.below(4) == 0 ? 70000 : 30000;
    for (int i = 0; i < rows * pieces; ++i) {
      row_norms.push_back(static_cast<float>(sample.below(most)));
      float& norm = largest[static_cast<std::size_t>(i % pieces)];
      norm = std::max(norm, row_norms.back());
    }
    for (int i = 0; i < panels * pieces * line_lanes; ++i) {
      lane_norms.push_back(static_cast<float>(sample.below(most)));
    }
    constexpr std::int64_t distances[] = {-(1 << 20), -4000, -2100, 0, 1, 900};
    for (int piece = 0; piece < pieces; ++piece) {
      for (int line = 0; line < lines; ++line) {
        for (int j = 0; j < line_lanes; ++j) {
          const auto near = static_cast<std::int64_t>(INT32_MAX - bound(piece, line, j)) + distances[sample.below(6)];
          const std::int64_t start = sample.below(200) == 0  ? INT32_MIN
                                     : sample.below(20) == 0 ? near
                                     : near > 0              ? near / 3
                                                             : 0;
          lane(piece, line, j) = static_cast<std::int32_t>(
              std::clamp<std::int64_t>(sample.below(2) == 0 ? start : -start, INT32_MIN, INT32_MAX));
        }
      }
    }
  }
  std::int32_t& lane(int piece, int line, int j) {
    return lanes[static_cast<std::size_t>((piece * lines + line) * line_lanes + j)];
  }
  double bound(int piece, int line, int j) const {
    return static_cast<double>(row_norms[static_cast<std::size_t>(line / panels * pieces + piece)]) *
           static_cast<double>(lane_norms[static_cast<std::size_t>((line % panels * pieces + piece) * line_lanes + j)]);
  }
  double reach(int piece, int line, int j) {
    const double start = (from_zero >> piece & 1) != 0 ? 0 : std::abs(static_cast<double>(lane(piece, line, j)));
    return start + bound(piece, line, j);
  }
  WatchedLines view() const {
    return {lanes.data() + lines * line_lanes,
            lines * line_lanes,
            lines,
            panels,
            pieces,
            from_zero,
            largest.data(),
            row_norms.data(),
            pieces,
            lane_norms.data(),
            pieces * line_lanes};
  }
};

TEST(AuditKernels, WatchesDoubtWhatMayLeaveTheRangeAndLittleElse) {
  int doubted = 0;
  int trusted = 0;
  for (const TileKernel* kernel : rows_under_test()) {
    Sample sample(83);
    for (int run = 0; run < support::sample_size(400); ++run) {
      Watched watched(sample);
      std::uint32_t doubts[Watched::lines];
      std::uint32_t all = 0;
      const bool any = kernel->audit->watch(watched.view(), doubts);
      for (int line = 0; line < Watched::lines; ++line) {
        all |= doubts[line];
        for (int piece = 0; piece < Watched::pieces; ++piece) {
          double most = 0;
          for (int j = 0; j < line_lanes; ++j) {
            most = std::max(most, watched.reach(piece, line, j));
          }
          const bool doubt = (doubts[line] >> piece & 1) != 0;
          ASSERT_TRUE(doubt || most <= INT32_MAX) << kernel->name << ' ' << most;
          ASSERT_TRUE(!doubt || most > INT32_MAX - 2000.0) << kernel->name << ' ' << most;
          ++(doubt ? doubted : trusted);
        }
      }
      ASSERT_EQ(any, all != 0) << kernel->name;
    }
  }
  EXPECT_GT(doubted, 100);
  EXPECT_GT(trusted, 100);
}

/// Chain ends of a few lines, counted and not: sums, exact sums, histogram.
TEST(AuditKernels, ChainEndsAreSpilledSummedAndCounted) {
  constexpr int lines = 5;
  int checked = 0;
  for (const TileKernel* kernel : rows_under_test()) {
    Sample sample(84);
    for (int run = 0; run < support::sample_size(60); ++run) {
      const auto ends = static_cast<std::int32_t>(1 + sample.below(40));
      std::vector<std::int32_t> lanes(static_cast<std::size_t>(ends * lines * line_lanes));
      for (std::int32_t& lane : lanes) {
        const auto word = static_cast<std::int32_t>(sample.word());
        lane = sample.below(8) == 0 ? (sample.below(2) == 0 ? INT32_MIN : INT32_MAX) : word >> sample.below(32);
      }
      TileSums sums{};
      TileSums spilled{};
      TileScale scale{};
      std::vector<std::int32_t> slots;
      for (std::int32_t end = 0; end < ends; ++end) {
        slots.push_back(end);
      }
      for (int line = 0; line < lines; ++line) {
        for (int j = 0; j < line_lanes; ++j) {
          const arith::SpillFactors factors = arith::spill_factors(10 * line - 20 - j);
          scale.first[line][j] = factors.first;
          scale.second[line][j] = factors.second;
        }
      }
      ChainCounts counts{};
      const ChainEnds chains{lanes.data(), lines * line_lanes, 1, lines, slots};
      kernel->audit->count(chains, scale, sums, counts);
      kernel->audit->spill(chains, scale, spilled);
      std::int64_t joined[lines][line_lanes] = {};
      kernel->audit->join(sums, lines, joined);
      for (int line = 0; line < lines; ++line) {
        for (int j = 0; j < line_lanes; ++j) {
          float c = 0;
          std::int64_t sum = 0;
          for (std::int32_t end = 0; end < ends && line >= 1; ++end) {
            const std::int32_t lane = lanes[static_cast<std::size_t>((end * lines + line) * line_lanes + j)];
            c = oracle::spill(lane, 10 * line - 20 - j, c);
            sum += lane;
          }
          ASSERT_TRUE(support::same_bits(sums.c[line][j], c)) << kernel->name;
          ASSERT_TRUE(support::same_bits(spilled.c[line][j], c)) << kernel->name;
          ASSERT_EQ(joined[line][j], sum) << kernel->name;
          ++checked;
        }
      }
    }
  }
  EXPECT_GE(checked, 60);
}

TEST(AuditKernels, ResultsAndExactSums) {
  int checked = 0;
  for (const TileKernel* kernel : rows_under_test()) {
    Sample sample(85);
    for (int run = 0; run < support::sample_size(100); ++run) {
      const Line line(fills[sample.below(5)], 1 + static_cast<std::int64_t>(sample.below(20)), 0, sample);
      double scale[line_lanes];
      double exact[line_lanes];
      double before[line_lanes];
      std::int64_t sums[line_lanes];
      double scaled[line_lanes];
      float c[line_lanes];
      float result[line_lanes];
      for (int j = 0; j < line_lanes; ++j) {
        scale[j] = std::ldexp(1.0, static_cast<int>(sample.below(600)) - 350);
        exact[j] = before[j] = static_cast<double>(sample.normal_float(-20, 20));
        sums[j] = static_cast<std::int64_t>(std::uint64_t{sample.word()} << 32 | sample.word()) >> sample.below(64);
        c[j] = j % 4 == 0 ? -0.0f : sample.finite_float();
      }
      kernel->audit->exact(line.piece(0, Atom::pair, OverflowRule::wrap), scale, exact);
      kernel->audit->scale(sums, scale, scaled);
      kernel->audit->result(c, result);
      for (int j = 0; j < line_lanes; ++j) {
        double expected = before[j];
        for (const std::int64_t product : line.products(j, 0)) {
          expected = std::fma(static_cast<double>(product), scale[j], expected);
        }
        ASSERT_TRUE(support::same_bits(exact[j], expected)) << kernel->name;
        ASSERT_TRUE(support::same_bits(scaled[j], static_cast<double>(sums[j]) * scale[j])) << kernel->name;
        ASSERT_TRUE(support::same_bits(result[j], c[j] == 0 ? 0.0f : c[j])) << kernel->name;
        ++checked;
      }
    }
  }
  EXPECT_GE(checked, 100);
}

}  // namespace
}  // namespace precsim::kernels
