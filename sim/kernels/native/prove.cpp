// Sums of squares of the rows of a convolution's operands.
#include "sim/kernels/native/prove.hpp"

#include <algorithm>
#include <vector>

#include "sim/arith/chain.hpp"
#include "sim/kernels/native/geometry.hpp"
#include "sim/kernels/threads.hpp"
#include "sim/kernels/tile.hpp"

namespace precsim::kernels::native {
namespace {

/// Largest sum of squares over the rows of a group, by [group][chunk].
using Largest = std::vector<std::uint64_t>;

class Operands {
 public:
  Operands(const ConvShape& shape, Pass pass, const std::int16_t* left, const std::int16_t* right,
           const TileKernel& kernel)
      : shape_(shape), pass_(pass), left_(left), right_(right), kernel_(kernel), product_(product_shape(shape, pass)) {
    if (pass == Pass::forward) {
      rows_ = forward_rows(shape, left);
    } else if (pass == Pass::input_gradient) {
      rows_ = input_gradient_rows(shape, left);
    }
    channels_ = product_.channels + product_.channels % 2;
  }

  bool proves(std::int64_t chain) const {
    const std::int64_t length = product_.taps * channels_;
    std::vector<std::int64_t> ends;
    for (const arith::Chain& c : arith::cut({length, channels_, 0, 0}, chain)) {
      ends.push_back(c.end);
    }
    const Largest right = pass_ == Pass::forward          ? of_weights(ends)
                          : pass_ == Pass::input_gradient ? of_weights_transposed(ends)
                                                          : of_pixels(ends, Side::right);
    const Largest left = pass_ == Pass::weight_gradient ? of_pixels(ends, Side::left) : of_rows(ends);
    for (std::size_t i = 0; i < left.size(); ++i) {
      if (!arith::proved(left[i], right[i])) {
        return false;
      }
    }
    return true;
  }

 private:
  /// Left of forward and input gradient.
  Largest of_rows(const std::vector<std::int64_t>& ends) const {
    Largest largest(static_cast<std::size_t>(shape_.groups) * ends.size());
    for (const RowSet& set : rows_.sets) {
      if (set.stretches.empty()) {
        continue;
      }
      const std::vector<Segment> segments = cut_segments(set.stretches, ends, 2, rows_.length).front();
      const auto rows = static_cast<std::int64_t>(set.row_starts.size());
      for (std::int64_t group = 0; group < shape_.groups; ++group) {
        std::uint64_t* const of_group = largest.data() + static_cast<std::size_t>(group) * ends.size();
#pragma omp parallel if (worth_threads(rows * rows_.length))
        {
          std::vector<std::uint64_t> own(ends.size());
          std::vector<std::uint64_t> sums(ends.size());
#pragma omp for schedule(static)
          for (std::int64_t row = 0; row < rows; ++row) {
            add_row(rows_.words(group) + set.row_starts[static_cast<std::size_t>(row)], segments, sums, own);
          }
#pragma omp critical
          for (std::size_t c = 0; c < own.size(); ++c) {
            of_group[c] = std::max(of_group[c], own[c]);
          }
        }
      }
    }
    return largest;
  }

  void add_row(const Word* row, const std::vector<Segment>& segments, std::vector<std::uint64_t>& sums,
               std::vector<std::uint64_t>& largest) const {
    std::fill(sums.begin(), sums.end(), 0);
    for (const Segment& segment : segments) {
      sums[static_cast<std::size_t>(segment.chain)] +=
          kernel_.squares(reinterpret_cast<const std::int16_t*>(row + segment.row), 2 * segment.steps);
    }
    for (std::size_t c = 0; c < sums.size(); ++c) {
      largest[c] = std::max(largest[c], sums[c]);
    }
  }

  /// Products of the row k in [begin, end) as they stand, tap by tap: calls body(tap, first channel, last channel).
  template <class Body>
  void for_each_stretch(std::int64_t begin, std::int64_t end, Body body) const {
    for (std::int64_t k = begin; k < end;) {
      const std::int64_t tap = k / channels_;
      const std::int64_t stop = std::min(end, (tap + 1) * channels_);
      const std::int64_t first = k - tap * channels_;
      const std::int64_t last = std::min(stop - tap * channels_, product_.channels);
      if (first < last) {
        body(tap, first, last);
      }
      k = stop;
    }
  }

  Largest of_weights(const std::vector<std::int64_t>& ends) const {
    Largest largest(static_cast<std::size_t>(shape_.groups) * ends.size());
    for (std::int64_t row = 0; row < shape_.oc; ++row) {
      const std::int16_t* const weights = right_ + row * product_.taps * product_.channels;
      std::int64_t begin = 0;
      for (std::size_t c = 0; c < ends.size(); begin = ends[c++]) {
        std::uint64_t sum = 0;
        for_each_stretch(begin, ends[c], [&](std::int64_t tap, std::int64_t first, std::int64_t last) {
          sum += kernel_.squares(weights + tap * product_.channels + first, last - first);
        });
        std::uint64_t& most = largest[static_cast<std::size_t>(row / shape_.group_oc()) * ends.size() + c];
        most = std::max(most, sum);
      }
    }
    return largest;
  }

  static void add_squares(const std::int16_t* line, std::vector<std::uint64_t>& sums) {
    for (std::size_t j = 0; j < sums.size(); ++j) {
      sums[j] += static_cast<std::uint64_t>(std::int32_t{line[j]} * line[j]);
    }
  }

  Largest of_weights_transposed(const std::vector<std::int64_t>& ends) const {
    Largest largest;
    std::vector<std::uint64_t> sums(static_cast<std::size_t>(shape_.group_ic()));
    for (std::int64_t group = 0; group < shape_.groups; ++group) {
      std::int64_t begin = 0;
      for (const std::int64_t end : ends) {
        std::fill(sums.begin(), sums.end(), 0);
        for_each_stretch(begin, end, [&](std::int64_t tap, std::int64_t first, std::int64_t last) {
          for (std::int64_t oc = group * shape_.group_oc() + first; oc < group * shape_.group_oc() + last; ++oc) {
            add_squares(right_ + (oc * product_.taps + tap) * shape_.group_ic(), sums);
          }
        });
        largest.push_back(*std::max_element(sums.begin(), sums.end()));
        begin = end;
      }
    }
    return largest;
  }

  /// Either side of a weight gradient: errors by output channel, or input patches by tap and channel.
  Largest of_pixels(const std::vector<std::int64_t>& ends, Side side) const {
    const bool errors = side == Side::left;
    const std::int64_t channels = errors ? shape_.group_oc() : shape_.group_ic();
    const std::int64_t taps = errors ? 1 : shape_.kh * shape_.kw;
    Largest largest(static_cast<std::size_t>(shape_.groups) * ends.size());
    const auto chunks = static_cast<std::int64_t>(ends.size());
#pragma omp parallel for schedule(static) if (worth_threads(product_.channels * channels * taps))
    for (std::int64_t c = 0; c < chunks; ++c) {
      std::vector<std::uint64_t> sums(static_cast<std::size_t>(channels));
      const std::int64_t begin = c == 0 ? 0 : ends[static_cast<std::size_t>(c - 1)];
      const std::int64_t end = std::min(ends[static_cast<std::size_t>(c)], product_.channels);
      for (std::int64_t group = 0; group < shape_.groups; ++group) {
        std::uint64_t& most = largest[static_cast<std::size_t>(group * chunks + c)];
        for (std::int64_t tap = 0; tap < taps; ++tap) {
          const PixelLines lines(shape_, tap);
          std::fill(sums.begin(), sums.end(), 0);
          for (std::int64_t p = begin; p < end; ++p) {
            const std::int64_t at = errors ? p * shape_.oc : lines(p);
            if (at >= 0) {
              add_squares((errors ? left_ : right_) + at + group * channels, sums);
            }
          }
          most = std::max(most, *std::max_element(sums.begin(), sums.end()));
        }
      }
    }
    return largest;
  }

  const ConvShape& shape_;
  Pass pass_;
  const std::int16_t* left_;
  const std::int16_t* right_;
  const TileKernel& kernel_;
  ProductShape product_;
  Rows<std::int16_t> rows_;
  std::int64_t channels_ = 0;
};

}  // namespace

ProvedChain prove_chain(const ConvShape& shape, Pass pass, const std::int16_t* left, const std::int16_t* right,
                        arith::Atom atom, const TileKernel& kernel) {
  const Operands operands(shape, pass, left, right, kernel);
  const std::int64_t shortest = arith::chain_multiple(atom);
  for (std::int64_t length = arith::longest_proved_chain; length >= shortest; length /= 2) {
    if (operands.proves(length)) {
      return {length, true};
    }
  }
  return {shortest, false};
}

bool is_proved(const ConvShape& shape, Pass pass, const std::int16_t* left, const std::int16_t* right,
               std::int64_t chain, const TileKernel& kernel) {
  return Operands(shape, pass, left, right, kernel).proves(chain);
}

}  // namespace precsim::kernels::native
