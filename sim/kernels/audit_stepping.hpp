// The text of the audit up to the ends of chains: which pieces are in doubt, and the steps through them.
#pragma once

#include <bit>

#include "sim/kernels/audit_vectors.hpp"

namespace precsim::kernels {
namespace {

constexpr std::uint32_t bound_code = std::bit_cast<std::uint32_t>(piece_bound) - 1;

/// Watching one piece.
template <class V>
struct Watcher {
  const WatchedLines& lines;
  const std::int32_t* slot;  ///< null: from zero
  const float* lane_norms;
  float largest_norm;

  PRECSIM_INLINE Watcher(const WatchedLines& lines_, int piece)
      : lines(lines_),
        slot((lines_.from_zero >> piece & 1) != 0 ? nullptr : lines_.lanes + (piece - 1) * lines_.slot_lanes),
        lane_norms(lines_.lane_norms + std::int64_t{piece} * line_lanes),
        largest_norm(lines_.largest_norms[piece]) {}

  PRECSIM_INLINE unsigned beyond(const typename V::Words& lane, float row_norm, int panel, int j) const {
    typename V::Floats norm;
    load(lane_norms + panel * lines.next_panel + j, norm);
    return V::above(V::bound(lane, row_norm, norm), bound_code);
  }
  /// Whether no line reaches the bound even with the largest lane and norm of all rows.
  PRECSIM_INLINE bool is_calm() const {
    unsigned any = 0;
    for (int panel = 0; panel < lines.panels; ++panel) {
      for (int j = 0; j < line_lanes; j += V::lanes) {
        typename V::Words largest{};
        for (int line = panel; slot != nullptr && line < lines.lines; line += lines.panels) {
          typename V::Words lane;
          load(slot + line * line_lanes + j, lane);
          V::raise(largest, V::magnitude(lane));
        }
        any |= beyond(largest, largest_norm, panel, j);
      }
    }
    return any == 0;
  }
  PRECSIM_INLINE bool doubts(int line, float row_norm, int panel) const {
    unsigned any = 0;
    for (int j = 0; j < line_lanes; j += V::lanes) {
      typename V::Words lane{};
      if (slot != nullptr) {
        load(slot + line * line_lanes + j, lane);
      }
      any |= beyond(V::magnitude(lane), row_norm, panel, j);
    }
    return any != 0;
  }
};

template <class V>
PRECSIM_INLINE bool watch_lines(const WatchedLines& lines, std::uint32_t* doubts) {
  std::memset(doubts, 0, static_cast<std::size_t>(lines.lines) * sizeof *doubts);
  std::uint32_t any = 0;
  for (int piece = 0; piece < lines.pieces; ++piece) {
    const Watcher<V> watcher(lines, piece);
    if (watcher.is_calm()) {
      continue;
    }
    const float* row_norm = lines.row_norms + piece;
    for (int line = 0; line < lines.lines; line += lines.panels, row_norm += lines.next_row) {
      for (int panel = 0; panel < lines.panels; ++panel) {
        const std::uint32_t bit = std::uint32_t{watcher.doubts(line + panel, *row_norm, panel)} << piece;
        doubts[line + panel] |= bit;
        any |= bit;
      }
    }
  }
  return any != 0;
}

template <class V, arith::OverflowRule rule>
struct Stepper {
  using Words = typename V::Words;
  using Integers = typename V::Integers;
  Words low, clamped;
  Integers high, events{}, calm{};  ///< calm: steps before the first event

  /// One step. `products` is the exact sum of one or two products mod 2^32: it can only be +2^31 where it looks like
  /// -2^31, so that the top bit of x & (x - 1) is its sign.
  PRECSIM_INLINE void step(const Words& products) {
    const Words sign = products & (products - 1);
    const Words wrapped = low + products;
    const Integers carry = reinterpret_cast<Integers>(~(low ^ sign) & (low ^ wrapped)) < 0;
    high += carry & (reinterpret_cast<Integers>(sign) >> 31 | 1);
    low = wrapped;
    if constexpr (rule == arith::OverflowRule::saturate) {
      const Words sum = clamped + products;
      const Integers beyond = reinterpret_cast<Integers>(~(clamped ^ sign) & (clamped ^ sum)) < 0;
      clamped = beyond ? 0x7fffffffu + (sign >> 31) : sum;
      events -= beyond;
    } else {
      events -= carry;
    }
    calm -= events == 0;
  }
};

template <class V, int width, arith::OverflowRule rule>
PRECSIM_INLINE void step_lanes(const SteppedPiece& piece, SteppedLine& line, int j) {
  Stepper<V, rule> lanes;
  load(line.low + j, lanes.low);
  load(line.clamped + j, lanes.clamped);
  load(line.high + j, lanes.high);
  for (std::int64_t s = 0; s < piece.steps; ++s) {
    typename V::Words b;
    load(piece.panel + s * line_lanes + j, b);
    if constexpr (width == 2) {
      V::multiply_pairs(piece.row[s], b);
      lanes.step(b);
    } else {
      typename V::Words low = b;
      V::multiply_pairs(piece.row[s] & 0xffffu, low);
      lanes.step(low);
      V::multiply_pairs(piece.row[s] & 0xffff0000u, b);
      lanes.step(b);
    }
  }
  store(line.low + j, lanes.low);
  store(line.clamped + j, lanes.clamped);
  store(line.high + j, lanes.high);
  for (int i = 0; i < V::lanes; ++i) {
    if (lanes.events[i] != 0 && line.first[j + i] < 0) {
      line.first[j + i] = piece.k + width * std::int64_t{lanes.calm[i]};
    }
    line.events[j + i] += static_cast<std::uint32_t>(lanes.events[i]);
  }
}

template <class V, int width, arith::OverflowRule rule>
PRECSIM_INLINE void step_line(const SteppedPiece& piece, SteppedLine& line) {
  for (int j = 0; j < line_lanes; j += V::lanes) {
    step_lanes<V, width, rule>(piece, line, j);
  }
}

template <class V>
PRECSIM_INLINE void step_piece(const SteppedPiece& piece, SteppedLine& line) {
  const bool single = piece.atom == arith::Atom::single;
  const bool wrap = piece.rule == arith::OverflowRule::wrap;
  if (single && wrap) {
    step_line<V, 1, arith::OverflowRule::wrap>(piece, line);
  } else if (single) {
    step_line<V, 1, arith::OverflowRule::saturate>(piece, line);
  } else if (wrap) {
    step_line<V, 2, arith::OverflowRule::wrap>(piece, line);
  } else {
    step_line<V, 2, arith::OverflowRule::saturate>(piece, line);
  }
}

}  // namespace
}  // namespace precsim::kernels
