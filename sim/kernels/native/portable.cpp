// Tiles in plain C++, for every CPU: 4 rows x 16 lanes.
#include <bit>
#include <cmath>

#include "sim/kernels/native/native_kernel.hpp"
#include "sim/kernels/native/tile_table.hpp"

namespace precsim::kernels::native {
namespace {

enum class Step : std::uint8_t { wrap, saturate, fma };

std::int64_t low_product(Word a, Word b) {
  return std::int64_t{static_cast<std::int16_t>(a)} * static_cast<std::int16_t>(b);
}
std::int64_t high_product(Word a, Word b) {
  return low_product(a >> 16, b >> 16);
}

float number(Word word) {
  return std::bit_cast<float>(std::uint32_t{word});
}
Word word(float number) {
  return std::bit_cast<std::uint32_t>(number);
}

template <Step kind>
Word step(Word lane, Word a, Word b) {
  if constexpr (kind == Step::fma) {
    return word(std::fma(number(a), number(b), number(lane)));
  } else {
    const std::int64_t sum = static_cast<std::int32_t>(lane) + low_product(a, b) + high_product(a, b);
    if constexpr (kind == Step::saturate) {
      return static_cast<Word>(sum > INT32_MAX ? INT32_MAX : sum < INT32_MIN ? INT32_MIN : sum);
    }
    return static_cast<Word>(sum);
  }
}

template <int rows, Step kind>
void run_lanes(const Tile& tile, std::span<const Segment> segments, const float*, Source from, Target to) {
  Word lanes[rows][panel_lanes];
  for (int r = 0; r < rows; ++r) {
    for (int j = 0; j < panel_lanes; ++j) {
      lanes[r][j] = from.words[r * from.distance + j];
    }
  }
  for (const Segment& segment : segments) {
    for (std::int64_t s = 0; s < segment.steps; ++s) {
      const Word* const panel = tile.panel + (segment.panel + s) * panel_lanes;
      for (int r = 0; r < rows; ++r) {
        const Word a = tile.rows[r][segment.row + s * tile.row_step];
        for (int j = 0; j < panel_lanes; ++j) {
          lanes[r][j] = step<kind>(lanes[r][j], a, panel[j]);
        }
      }
    }
  }
  for (int r = 0; r < rows; ++r) {
    for (int j = 0; j < panel_lanes; ++j) {
      to.words[r * to.distance + j] = kind == Step::fma ? word(number(lanes[r][j]) + 0.0f) : lanes[r][j];
    }
  }
}

struct Sums {
  template <int rows, int panels, Spill kind>
  static void spill(Source lanes, Source from, Target to, const SpillFactors& factors) {
    for (int r = 0; r < rows; ++r) {
      for (int j = 0; j < panel_lanes; ++j) {
        float factor = factors.factor;
        if constexpr (kind == Spill::blocked) {
          factor = factors.rows[r * factors.next_row] * factors.lanes[j];
        }
        const auto lane = static_cast<float>(static_cast<std::int32_t>(lanes.words[r * lanes.distance + j]));
        to.words[r * to.distance + j] = word(std::fma(lane, factor, number(from.words[r * from.distance + j])));
      }
    }
  }

  static void finish(int rows, int, Source from, Target to, float factor) {
    for (int r = 0; r < rows; ++r) {
      for (int j = 0; j < panel_lanes; ++j) {
        to.words[r * to.distance + j] = word(number(from.words[r * from.distance + j]) * factor + 0.0f);
      }
    }
  }
};

template <Step kind>
struct Loop {
  static constexpr int panels = 1;
  static constexpr int rows(int) { return 4; }
  template <int height, int width>
  static constexpr LoopFunction function = run_lanes<height, kind>;
};

using Wrap = Loop<Step::wrap>;
using Saturate = Loop<Step::saturate>;

}  // namespace

constinit const NativeKernel portable =
    native_kernel<Wrap, Chains<Wrap, Sums>, Saturate, Chains<Saturate, Sums>, Loop<Step::fma>, Sums>();

}  // namespace precsim::kernels::native
