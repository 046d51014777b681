// The operands whose rows are windows, and what their sums of squares share with those of other operands.
#pragma once

#include <vector>

#include "sim/kernels/native/chunk_squares.hpp"

namespace precsim::kernels::native {

using Sums = std::vector<std::uint64_t>;

/// Large sums, in memory that its thread keeps for the next ones: fresh pages would cost more than the sums.
class KeptSums {
 public:
  KeptSums() {
    if (!spare().empty()) {
      sums_ = std::move(spare().back());
      spare().pop_back();
    }
  }
  ~KeptSums() { spare().push_back(std::move(sums_)); }
  KeptSums(const KeptSums&) = delete;
  KeptSums& operator=(const KeptSums&) = delete;

  Sums& operator*() { return sums_; }
  const Sums& operator*() const { return sums_; }
  const Sums* operator->() const { return &sums_; }

 private:
  static std::vector<Sums>& spare() {
    static thread_local std::vector<Sums> of_thread;
    return of_thread;
  }

  Sums sums_;
};

/// Squares of a tensor are joined in pieces of at most this many codes.
inline constexpr std::int64_t most_piece = 32;

/// `sums`: of the pieces of a tensor of lines whose length the piece divides.
void squares_along(const NativeKernel& kernel, const std::int16_t* codes, std::int64_t count, std::int64_t piece,
                   Sums& sums);

/// Rows that are windows: input patches forward, error patches of an input gradient.
std::unique_ptr<ChunkSquares> window_squares(const NativeKernel& kernel, const ConvShape& shape, Pass pass,
                                             CodeOperand operand);

/// Input patches of a weight gradient with more than one tap.
std::unique_ptr<ChunkSquares> patch_squares(const NativeKernel& kernel, const ConvShape& shape, CodeOperand input);

}  // namespace precsim::kernels::native
