// The text of the audit, for one source file per instruction set: PRECSIM_TARGET selects it, V has its vectors and the
// operations that generic vectors lack.
#include <bit>
#include <cstring>

#include "sim/kernels/audit_kernel.hpp"

#define PRECSIM_INLINE PRECSIM_TARGET inline __attribute__((always_inline))

namespace precsim::kernels {
namespace {

template <class T, int size>
struct Vector {
  using type __attribute__((vector_size(size))) = T;
};

/// Generic vectors of 32-bit words.
template <int size>
struct PlainVectors {
  static constexpr int lanes = size / 4;
  using Words = typename Vector<std::uint32_t, size>::type;
  using Integers = typename Vector<std::int32_t, size>::type;
  using Floats = typename Vector<float, size>::type;
  /// No more than the words of a block.
  static constexpr int block_lanes = lanes < block_codes / 2 ? lanes : block_codes / 2;
  using BlockWords = typename Vector<std::uint32_t, 4 * block_lanes>::type;
  using BlockIntegers = typename Vector<std::int32_t, 4 * block_lanes>::type;

  static PRECSIM_INLINE void raise(Words& most, const Words& x) { most = x > most ? x : most; }
  /// The highest set bit alone; 0 of 0.
  static PRECSIM_INLINE void keep_top_bit(Words& x) {
    x |= x >> 1;
    x |= x >> 2;
    x |= x >> 4;
    x |= x >> 8;
    x |= x >> 16;
    x ^= x >> 1;
  }
  /// Bit by bit: sum, a and b become the sum, and the carry in a.
  static PRECSIM_INLINE void full_add(Words& sum, Words& a, const Words& b) {
    const Words one = sum ^ a;
    a = (sum & a) | (one & b);
    sum = one ^ b;
  }
  static PRECSIM_INLINE bool any(const Words& x) {
    std::uint32_t bits = 0;
    for (int j = 0; j < lanes; ++j) {
      bits |= x[j];
    }
    return bits != 0;
  }
  static PRECSIM_INLINE unsigned above(const Words& x, std::uint32_t limit) {
    unsigned mask = 0;
    for (int j = 0; j < lanes; ++j) {
      mask |= (x[j] > limit ? 1u : 0u) << j;
    }
    return mask;
  }
  static PRECSIM_INLINE Words magnitude(const Words& lane) {
    const auto sign = reinterpret_cast<Words>(reinterpret_cast<Integers>(lane) >> 31);
    return (lane ^ sign) - sign;
  }
  /// The FP32 number start + a * b, for a start up to 2^31.
  static PRECSIM_INLINE Words bound(const Words& start, float a, const Floats& b) {
    const auto low = __builtin_convertvector(reinterpret_cast<Integers>(start & 0x7fffffffu), Floats);
    const auto high = reinterpret_cast<Floats>((start >> 31) * 0x4f000000u);
    return reinterpret_cast<Words>(a * b + (low + high));
  }
  /// b becomes the sum of two products of codes mod 2^32.
  static PRECSIM_INLINE void multiply_pairs(native::Word a, Words& b) {
    const auto low = static_cast<std::uint32_t>(static_cast<std::int16_t>(a));
    const auto high = static_cast<std::uint32_t>(static_cast<std::int32_t>(a) >> 16);
    b = reinterpret_cast<Words>(reinterpret_cast<Integers>(b << 16) >> 16) * low +
        reinterpret_cast<Words>(reinterpret_cast<Integers>(b) >> 16) * high;
  }
  /// The sums of the squares of two codes.
  static PRECSIM_INLINE void square_pairs(BlockWords& x) {
    const auto low = reinterpret_cast<BlockIntegers>(x << 16) >> 16;
    const auto high = reinterpret_cast<BlockIntegers>(x) >> 16;
    x = reinterpret_cast<BlockWords>(low * low) + reinterpret_cast<BlockWords>(high * high);
  }
  static PRECSIM_INLINE void spill(const Words& lane, const Floats& first, const Floats& second, Floats& c) {
    for (int j = 0; j < lanes; ++j) {
      c[j] = __builtin_fmaf(static_cast<float>(static_cast<std::int32_t>(lane[j])) * first[j], second[j], c[j]);
    }
  }
};

template <class V>
PRECSIM_INLINE void load(const void* from, V& to) {
  std::memcpy(&to, from, sizeof to);
}
template <class V>
PRECSIM_INLINE void store(void* to, const V& from) {
  std::memcpy(to, &from, sizeof from);
}

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

constexpr int counted_together = ChainCounts::together;

/// The highest bits of eight vectors join the planes.
template <class V>
PRECSIM_INLINE void add_to_planes(typename V::Words (&bits)[counted_together], ChainCounts& counts, int j) {
  for (int tier = 0;; ++tier) {
    typename V::Words planes[3];
    load(counts.planes[3 * tier] + j, planes[0]);
    load(counts.planes[3 * tier + 1] + j, planes[1]);
    load(counts.planes[3 * tier + 2] + j, planes[2]);
    V::full_add(planes[0], bits[0], bits[1]);
    V::full_add(planes[0], bits[2], bits[3]);
    V::full_add(planes[0], bits[4], bits[5]);
    V::full_add(planes[0], bits[6], bits[7]);
    V::full_add(planes[1], bits[0], bits[2]);
    V::full_add(planes[1], bits[4], bits[6]);
    V::full_add(planes[2], bits[0], bits[4]);
    store(counts.planes[3 * tier] + j, planes[0]);
    store(counts.planes[3 * tier + 1] + j, planes[1]);
    store(counts.planes[3 * tier + 2] + j, planes[2]);
    std::uint32_t& waiting = counts.waiting[tier][j / 4];
    store(counts.carries[tier][waiting] + j, bits[0]);
    if (++waiting < counted_together) {
      return;
    }
    waiting = 0;
#pragma GCC unroll 8
    for (int i = 0; i < counted_together; ++i) {
      load(counts.carries[tier][i] + j, bits[i]);
      store(counts.carries[tier][i] + j, typename V::Words{});
    }
  }
}

/// The chain ends of some lanes of a line, one after the other.
template <class V, bool counted>
struct Spiller {
  using Words = typename V::Words;
  using Integers = typename V::Integers;
  typename V::Floats first, second, c;
  Words low{}, largest{};
  Integers high{};

  /// `top`: the highest bit of the sum's zigzag code.
  PRECSIM_INLINE void take(const std::int32_t* from, Words& top) {
    Words lane;
    load(from, lane);
    V::spill(lane, first, second, c);
    if constexpr (counted) {
      low += lane;
      high += reinterpret_cast<Integers>(lane) >> 16;
      top = (lane + lane) ^ reinterpret_cast<Words>(reinterpret_cast<Integers>(lane) >> 31);
      V::raise(largest, top);
      V::keep_top_bit(top);
    }
  }
};

template <class V, bool counted>
PRECSIM_INLINE void spill_lanes(const ChainEnds& chains, const TileScale& scale, TileSums& sums, ChainCounts* counts,
                                int line, int j) {
  Spiller<V, counted> spiller;
  load(scale.first[line] + j, spiller.first);
  load(scale.second[line] + j, spiller.second);
  load(sums.c[line] + j, spiller.c);
  if constexpr (counted) {
    load(sums.low[line] + j, spiller.low);
    load(sums.high[line] + j, spiller.high);
    load(counts->largest + j, spiller.largest);
  }
  const std::int32_t* const lanes = chains.lanes + line * line_lanes + j;
  const std::int32_t* const ends = chains.ends.data();
  const auto count = static_cast<std::int64_t>(chains.ends.size());
  for (std::int64_t end = 0; end < count; end += counted_together) {
    typename V::Words bits[counted_together];
    if (end + counted_together <= count) {
#pragma GCC unroll 8
      for (int i = 0; i < counted_together; ++i) {
        spiller.take(lanes + ends[end + i] * chains.slot_lanes, bits[i]);
      }
    } else {
#pragma GCC unroll 8
      for (int i = 0; i < counted_together; ++i) {
        bits[i] = typename V::Words{};
        if (end + i < count) {
          spiller.take(lanes + ends[end + i] * chains.slot_lanes, bits[i]);
        }
      }
    }
    if constexpr (counted) {
      add_to_planes<V>(bits, *counts, j);
    }
  }
  store(sums.c[line] + j, spiller.c);
  if constexpr (counted) {
    store(sums.low[line] + j, spiller.low);
    store(sums.high[line] + j, spiller.high);
    store(counts->largest + j, spiller.largest);
  }
}

template <class V>
PRECSIM_TARGET void squares(const std::int16_t* codes, std::int64_t count, std::uint64_t* sums) {
  constexpr int block_words = block_codes / 2;
  for (std::int64_t block = 0; block < count; ++block) {
    alignas(32) std::uint32_t pairs[block_words];
    for (int j = 0; j < block_words; j += V::block_lanes) {
      typename V::BlockWords x;
      load(codes + block * block_codes + 2 * j, x);
      V::square_pairs(x);
      store(pairs + j, x);
    }
    std::uint64_t sum = 0;
#pragma GCC unroll 8
    for (int k = 0; k < block_words; ++k) {
      sum += pairs[k];
    }
    sums[block] = sum;
  }
}
template <class V>
PRECSIM_TARGET bool watch(const WatchedLines& lines, std::uint32_t* doubts) {
  return watch_lines<V>(lines, doubts);
}
template <class V>
PRECSIM_TARGET void step(const SteppedPiece& piece, SteppedLine& line) {
  step_piece<V>(piece, line);
}
template <class V>
PRECSIM_TARGET void count(const ChainEnds& chains, const TileScale& scale, TileSums& sums, ChainCounts& counts) {
  for (int line = chains.first_line; line < chains.last_line; ++line) {
    for (int j = 0; j < line_lanes; j += V::lanes) {
      spill_lanes<V, true>(chains, scale, sums, &counts, line, j);
    }
  }
}
template <class V>
PRECSIM_TARGET void spill(const ChainEnds& chains, const TileScale& scale, TileSums& sums) {
  for (int line = chains.first_line; line < chains.last_line; ++line) {
    for (int j = 0; j < line_lanes; j += V::lanes) {
      spill_lanes<V, false>(chains, scale, sums, nullptr, line, j);
    }
  }
}

template <class V>
PRECSIM_TARGET void join(TileSums& sums, int lines, std::int64_t (*joined)[line_lanes]) {
  for (int line = 0; line < lines; ++line) {
#pragma omp simd
    for (int j = 0; j < line_lanes; ++j) {
      const std::int64_t least = std::int64_t{sums.high[line][j]} * 65536;
      joined[line][j] += least + static_cast<std::uint32_t>(sums.low[line][j] - static_cast<std::uint32_t>(least));
      sums.low[line][j] = 0;
      sums.high[line][j] = 0;
    }
  }
}
template <class V>
PRECSIM_TARGET void result(const float* c, float* result) {
#pragma omp simd
  for (int j = 0; j < line_lanes; ++j) {
    result[j] = c[j] + 0.0f;
  }
}
template <class V>
PRECSIM_TARGET void scale(const std::int64_t* sum, const double* scale, double* exact) {
#pragma omp simd
  for (int j = 0; j < line_lanes; ++j) {
    exact[j] = static_cast<double>(sum[j]) * scale[j];
  }
}
template <class V>
PRECSIM_TARGET void exact(const SteppedPiece& piece, const double* scale, double* exact) {
  alignas(64) double sum[line_lanes];
  std::memcpy(sum, exact, sizeof sum);
  for (std::int64_t s = 0; s < piece.steps; ++s) {
    const auto a = static_cast<std::int32_t>(piece.row[s]);
    const native::Word* const panel = piece.panel + s * line_lanes;
#pragma omp simd
    for (int j = 0; j < line_lanes; ++j) {
      const std::int32_t low = static_cast<std::int16_t>(a) * static_cast<std::int16_t>(panel[j]);
      const std::int32_t high = (a >> 16) * (static_cast<std::int32_t>(panel[j]) >> 16);
      sum[j] = __builtin_fma(static_cast<double>(low), scale[j], sum[j]);
      sum[j] = __builtin_fma(static_cast<double>(high), scale[j], sum[j]);
    }
  }
  std::memcpy(exact, sum, sizeof sum);
}

template <class V>
constexpr AuditKernel audit_functions{squares<V>, watch<V>,  step<V>,  count<V>, spill<V>,
                                      join<V>,    result<V>, scale<V>, exact<V>};

}  // namespace
}  // namespace precsim::kernels
