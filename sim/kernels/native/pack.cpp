// Packing.
#include "sim/kernels/native/pack.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace precsim::kernels::native {

namespace {

constexpr std::size_t cache_line = 64;
constexpr std::size_t huge_page = std::size_t{1} << 21;

std::size_t bytes_of(std::int64_t words) {
  return static_cast<std::size_t>(words) * sizeof(Word);
}

using Words4 [[gnu::vector_size(16)]] = std::uint32_t;
constexpr std::int64_t block = 4;
constexpr std::int64_t line_words = cache_line / sizeof(Word);

/// Four steps of four rows as [step][row].
void transpose(const Word* const* rows, std::int64_t s, std::int64_t width, Word* to) {
  Words4 row[block] = {};
  for (int j = 0; j < block; ++j) {
    if (rows[j] != nullptr) {
      std::memcpy(&row[j], rows[j] + s, sizeof row[j]);
    }
  }
  const Words4 low01 = __builtin_shufflevector(row[0], row[1], 0, 4, 1, 5);
  const Words4 low23 = __builtin_shufflevector(row[2], row[3], 0, 4, 1, 5);
  const Words4 high01 = __builtin_shufflevector(row[0], row[1], 2, 6, 3, 7);
  const Words4 high23 = __builtin_shufflevector(row[2], row[3], 2, 6, 3, 7);
  const Words4 steps[block] = {
      __builtin_shufflevector(low01, low23, 0, 1, 4, 5), __builtin_shufflevector(low01, low23, 2, 3, 6, 7),
      __builtin_shufflevector(high01, high23, 0, 1, 4, 5), __builtin_shufflevector(high01, high23, 2, 3, 6, 7)};
  for (int i = 0; i < block; ++i) {
    std::memcpy(to + (s + i) * width, &steps[i], sizeof steps[i]);
  }
}

}  // namespace

WordBuffer::WordBuffer(std::int64_t words)
    : alignment_(bytes_of(words) >= huge_page ? huge_page : cache_line),
      data_(static_cast<Word*>(::operator new (bytes_of(words), std::align_val_t{alignment_}))) {
#if defined(MADV_HUGEPAGE)
  if (alignment_ == huge_page) {
    madvise(data_, bytes_of(words), MADV_HUGEPAGE);  // where refused, pages are small
  }
#endif
}

WordBuffer::~WordBuffer() {
  ::operator delete (data_, std::align_val_t{alignment_});
}

void pack_step(const std::int16_t* low, const std::int16_t* high, std::int64_t count, Word* panel) {
  static constexpr std::int16_t zeros[panel_lanes] = {};
  const std::int16_t* const a = low == nullptr ? zeros : low;
  const std::int16_t* const b = high == nullptr ? zeros : high;
  if (count == panel_lanes || (low == nullptr && high == nullptr)) {
    for (int j = 0; j < panel_lanes; ++j) {
      panel[j] = static_cast<std::uint16_t>(a[j]) | static_cast<Word>(static_cast<std::uint16_t>(b[j])) << 16;
    }
    return;
  }
  for (int j = 0; j < panel_lanes; ++j) {
    panel[j] =
        j >= count ? 0 : static_cast<std::uint16_t>(a[j]) | static_cast<Word>(static_cast<std::uint16_t>(b[j])) << 16;
  }
}

void pack_step(const float* line, std::int64_t count, Word* panel) {
  if (line == nullptr) {
    std::memset(panel, 0, panel_lanes * sizeof(Word));
    return;
  }
  std::memcpy(panel, line, static_cast<std::size_t>(count) * sizeof(Word));
  std::memset(panel + count, 0, static_cast<std::size_t>(panel_lanes - count) * sizeof(Word));
}

void pack_rows(const Word* const (&rows)[panel_lanes], std::int64_t steps, Word* to, std::int64_t width,
               std::int64_t first) {
  const std::int64_t whole = first + (steps - first) / block * block;
  for (std::int64_t begin = first; begin < whole; begin += line_words) {
    for (std::int64_t group = 0; group < width; group += block) {
      const std::int64_t lane = std::min(group, width - block);  // the last group may overlap the one before
      for (std::int64_t s = begin; s < std::min(begin + line_words, whole); s += block) {
        transpose(rows + lane, s, width, to + lane);
      }
    }
  }
  for (std::int64_t s = whole; s < steps; ++s) {
    for (std::int64_t j = 0; j < width; ++j) {
      to[s * width + j] = rows[j] == nullptr ? 0 : rows[j][s];
    }
  }
}

template <class T>
Bordered<T> add_border(const T* tensor, std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t groups,
                       std::int64_t channels, const Border& border, bool even) {
  Bordered<T> out;
  out.height = border.top + h + border.bottom;
  out.width = border.left + w + border.right;
  out.channels = channels + (even ? channels % 2 : 0);
  if (out.height == h && out.width == w && out.channels == channels) {
    out.data = tensor;
    return out;
  }
  const std::int64_t pixel = groups * out.channels;
  out.copy.resize(static_cast<std::size_t>(n * out.height * out.width * pixel));
  for (std::int64_t line = 0; line < n * h; ++line) {
    const T* from = tensor + line * w * groups * channels;
    T* to = out.copy.data() + (((line / h) * out.height + border.top + line % h) * out.width + border.left) * pixel;
    if (out.channels == channels) {
      std::memcpy(to, from, static_cast<std::size_t>(w * pixel) * sizeof(T));
      continue;
    }
    for (std::int64_t i = 0; i < w * groups; ++i) {
      std::copy_n(from + i * channels, channels, to + i * out.channels);
    }
  }
  out.data = out.copy.data();
  return out;
}

template Bordered<std::int16_t> add_border(const std::int16_t*, std::int64_t, std::int64_t, std::int64_t, std::int64_t,
                                           std::int64_t, const Border&, bool);
template Bordered<float> add_border(const float*, std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t,
                                    const Border&, bool);

}  // namespace precsim::kernels::native
