// Operands in the forms that tiles read: panels of sixteen lanes, and tensors with their border of zeros.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sim/kernels/native/native_kernel.hpp"

namespace precsim::kernels::native {

/// Lanes of all panels that `columns` need.
constexpr std::int64_t padded_columns(std::int64_t columns) {
  return (columns + panel_lanes - 1) / panel_lanes * panel_lanes;
}

/// Memory on its own cache lines, for panels; on huge pages from 2 MiB on, where the system has them.
class WordBuffer {
 public:
  explicit WordBuffer(std::int64_t words);
  ~WordBuffer();
  WordBuffer(const WordBuffer&) = delete;
  WordBuffer& operator=(const WordBuffer&) = delete;
  Word* data() { return data_; }
  const Word* data() const { return data_; }

 private:
  std::size_t alignment_;
  Word* data_;
};

/// Memory that grows to the largest size asked for; what it held is lost then.
class KeptBuffer {
 public:
  Word* at_least(std::int64_t words) {
    if (words > words_) {
      buffer_.emplace(words);
      words_ = words;
    }
    return buffer_->data();
  }

 private:
  std::optional<WordBuffer> buffer_;
  std::int64_t words_ = 0;
};

/// One step of a panel, lane j from element j of the lines: (low[j], high[j]), zeros from `count` on. A pair's line may
/// be null: zeros.
void pack_step(const std::int16_t* low, const std::int16_t* high, std::int64_t count, Word* panel);
void pack_step(const float* line, std::int64_t count, Word* panel);

/// Steps [first, steps) of rows as [step][width]: lane j is rows[j], a null row zeros. Width: 4 to panel_lanes.
void pack_rows(const Word* const (&rows)[panel_lanes], std::int64_t steps, Word* to, std::int64_t width = panel_lanes,
               std::int64_t first = 0);

/// A tensor (n, h, w, groups * channels) with zeros around every image, and behind the channels of each group where
/// their count is odd and `even` is asked for.
template <class T>
struct Bordered {
  std::vector<T> copy;  ///< empty where the tensor itself serves
  const T* data = nullptr;
  std::int64_t height = 0, width = 0, channels = 0;  ///< with border; channels of a group
};
struct Border {
  std::int64_t top, bottom, left, right;
};
template <class T>
Bordered<T> add_border(const T* tensor, std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t groups,
                       std::int64_t channels, const Border& border, bool even);

}  // namespace precsim::kernels::native
