// The tiles of one block of a reduction.
#pragma once

#include "sim/kernels/native/number_spills.hpp"
#include "sim/kernels/native/tiling.hpp"

namespace precsim::kernels::native {

/// `first`, `last`: the block is the first, the last of the reduction.
class BlockRun {
 public:
  BlockRun(const Tiling& tiling, std::span<const Segment> segments, bool first, bool last);

  /// Asks for the result of a tile to come.
  void prefetch_result(const RowTile& rows, std::int64_t panel) const;
  /// One tile; one whose result does not fill its lanes, or whose rows are not equally far apart, is formed aside.
  void run(const RowTile& rows, std::int64_t panel, int panels, const Word* ahead);

 private:
  void place(const RowTile& rows, std::int64_t panel, int panels);
  void form(int rows, int panels, Target result);
  void spill_apart(int rows, int panels, Source before, Target after);

  const Tiling& tiling_;
  std::span<const Segment> segments_;
  bool first_, last_;
  Tile tile_;
  SpillFactors factors_;
  const float* row_factors_ = nullptr;
  const float* lane_factors_ = nullptr;
  LoopFunction lanes_ = nullptr, chains_ = nullptr;
  SpillFunction spill_ = nullptr;
  NumberSpill number_spill_ = nullptr;
};

}  // namespace precsim::kernels::native
