// Tiles in plain C++, for every CPU: 4 rows x 16 lanes.
#include <bit>
#include <cmath>

#include "sim/kernels/native/native_kernel.hpp"

namespace precsim::kernels::native {
namespace {

constexpr int tile_rows = 4;

std::int64_t low_product(Word a, Word b) {
  return std::int64_t{static_cast<std::int16_t>(a)} * static_cast<std::int16_t>(b);
}
std::int64_t high_product(Word a, Word b) {
  return low_product(a >> 16, b >> 16);
}

template <bool saturate>
std::int32_t step(std::int32_t lane, Word a, Word b) {
  const std::int64_t sum = lane + low_product(a, b) + high_product(a, b);
  if constexpr (saturate) {
    return static_cast<std::int32_t>(sum > INT32_MAX ? INT32_MAX : sum < INT32_MIN ? INT32_MIN : sum);
  }
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(sum));
}

template <int rows, bool saturate, Spill spill>
void integer_tile(const Tile& t) {
  std::int32_t lanes[rows][panel_lanes] = {};
  float sums[rows][panel_lanes] = {};
  for (int r = 0; r < rows && !t.first; ++r) {
    for (int j = 0; j < panel_lanes; ++j) {
      sums[r][j] = t.sums[r * t.sums_row + j];
    }
  }
  for (const Segment& segment : t.segments) {
    for (std::int64_t s = 0; s < segment.steps; ++s) {
      const Word* const panel = t.panel + (segment.panel + s) * panel_lanes;
      for (int r = 0; r < rows; ++r) {
        const Word a = t.rows[r][segment.row + s * t.row_step];
        for (int j = 0; j < panel_lanes; ++j) {
          lanes[r][j] = step<saturate>(lanes[r][j], a, panel[j]);
        }
      }
    }
    for (int r = 0; r < rows && segment.ends_chain; ++r) {
      for (int j = 0; j < panel_lanes; ++j) {
        float factor = spill == Spill::unscaled ? 1.0f : t.factor;
        if constexpr (spill == Spill::blocked) {
          factor = t.row_factors[r][segment.chain] * t.lane_factors[segment.chain * panel_lanes + j];
        }
        sums[r][j] = std::fma(static_cast<float>(lanes[r][j]), factor, sums[r][j]);
        lanes[r][j] = 0;
      }
    }
  }
  for (int r = 0; r < rows; ++r) {
    for (int j = 0; j < panel_lanes; ++j) {
      t.sums[r * t.sums_row + j] = spill == Spill::unscaled ? sums[r][j] * t.factor : sums[r][j];
    }
  }
}

float number(Word word) {
  return std::bit_cast<float>(std::uint32_t{word});
}

template <int rows>
void float_tile(const Tile& t) {
  float sums[rows][panel_lanes] = {};
  for (int r = 0; r < rows && !t.first; ++r) {
    for (int j = 0; j < panel_lanes; ++j) {
      sums[r][j] = t.sums[r * t.sums_row + j];
    }
  }
  for (const Segment& segment : t.segments) {
    for (std::int64_t s = 0; s < segment.steps; ++s) {
      const Word* const panel = t.panel + (segment.panel + s) * panel_lanes;
      for (int r = 0; r < rows; ++r) {
        const float a = number(t.rows[r][segment.row + s * t.row_step]);
        for (int j = 0; j < panel_lanes; ++j) {
          sums[r][j] = std::fma(a, number(panel[j]), sums[r][j]);
        }
      }
    }
  }
  for (int r = 0; r < rows; ++r) {
    for (int j = 0; j < panel_lanes; ++j) {
      t.sums[r * t.sums_row + j] = sums[r][j] + 0.0f;  // -0 becomes +0
    }
  }
}

template <bool saturate, Spill spill>
constexpr TileFunctions integer_functions() {
  return {{{integer_tile<1, saturate, spill>, integer_tile<2, saturate, spill>, integer_tile<3, saturate, spill>,
            integer_tile<4, saturate, spill>}}};
}

}  // namespace

constinit const NativeKernel portable{
    tile_rows,
    1,
    {integer_functions<false, Spill::unscaled>(), integer_functions<false, Spill::scaled>(),
     integer_functions<false, Spill::blocked>()},
    {integer_functions<true, Spill::unscaled>(), integer_functions<true, Spill::scaled>(),
     integer_functions<true, Spill::blocked>()},
    {{{float_tile<1>, float_tile<2>, float_tile<3>, float_tile<4>}}}};

}  // namespace precsim::kernels::native
