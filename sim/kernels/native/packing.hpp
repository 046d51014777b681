// Packing of panels whose lanes are neighbors in memory, and of those whose steps are.
#pragma once

#include <cstdint>
#include <span>

#include "sim/kernels/native/native_kernel.hpp"

namespace precsim::kernels::native {

/// Lines at equal distances, one a step, and where in them panels of sixteen lanes begin.
template <class T>
struct PackedLines {
  const T* first;
  std::int64_t distance;
  std::int64_t pair;  ///< from the line of a step to the second one that codes take
  std::span<const std::int64_t> panels;
};

/// `codes` and `numbers` fill panels `next_panel` words apart: lane j of step s of panel p is element panels[p] + j of
/// a line. Codes take two lines a step, the first one in the low half. All lanes are read.
struct Packing {
  void (*codes)(const PackedLines<std::int16_t>& lines, std::int64_t steps, Word* to, std::int64_t next_panel);
  void (*numbers)(const PackedLines<float>& lines, std::int64_t steps, Word* to, std::int64_t next_panel);
  /// pack_rows of all steps.
  void (*rows)(const Word* const (&rows)[panel_lanes], std::int64_t steps, Word* to, std::int64_t width);

  void pack(const PackedLines<std::int16_t>& lines, std::int64_t steps, Word* to, std::int64_t next_panel) const {
    codes(lines, steps, to, next_panel);
  }
  void pack(const PackedLines<float>& lines, std::int64_t steps, Word* to, std::int64_t next_panel) const {
    numbers(lines, steps, to, next_panel);
  }
};

/// The fastest that the instruction set of a row of tiles has.
const Packing& packing(const NativeKernel& kernel);

}  // namespace precsim::kernels::native
