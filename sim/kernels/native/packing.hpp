// Packing of panels whose lanes are neighbors in memory, and of those whose steps are.
#pragma once

#include <cstdint>

#include "sim/kernels/native/native_kernel.hpp"

namespace precsim::kernels::native {

/// `codes` and `numbers` fill panels side by side, `next_panel` words apart: lane j of step s of panel p is element 16
/// p + j of a line. Codes take two lines a step, the first one in the low half. Line i begins at base + lines[i]; all
/// lanes are read.
struct Packing {
  void (*codes)(const std::int16_t* base, const std::int64_t* lines, std::int64_t steps, std::int64_t panels, Word* to,
                std::int64_t next_panel);
  void (*numbers)(const float* base, const std::int64_t* lines, std::int64_t steps, std::int64_t panels, Word* to,
                  std::int64_t next_panel);
  /// pack_rows of all steps.
  void (*rows)(const Word* const (&rows)[panel_lanes], std::int64_t steps, Word* to, std::int64_t width);

  void pack(const std::int16_t* base, const std::int64_t* lines, std::int64_t steps, std::int64_t panels, Word* to,
            std::int64_t next_panel) const {
    codes(base, lines, steps, panels, to, next_panel);
  }
  void pack(const float* base, const std::int64_t* lines, std::int64_t steps, std::int64_t panels, Word* to,
            std::int64_t next_panel) const {
    numbers(base, lines, steps, panels, to, next_panel);
  }
};

/// The fastest that the instruction set of a row of tiles has.
const Packing& packing(const NativeKernel& kernel);

}  // namespace precsim::kernels::native
