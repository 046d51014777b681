// An independent oracle for products: lanes, chains, spills, the norm bound, convolutions, blocks.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "tests/oracle/exact_oracle.hpp"

/// Written from the contract alone (numerics 1-5 and 9) and sharing nothing with the library. Lanes are counted in 128
/// bits, real numbers are long fixed-point integers, products of a convolution come from its nested loops.
namespace oracle {

__extension__ using Int128 = __int128;

/// An exact number: sign and 1536 bits in steps of 2^-704.
class Wide {
 public:
  Wide() = default;
  /// value * 2^exponent; all bits must fit.
  static Wide from(std::int64_t value, int exponent);
  static Wide from(float x);
  static Wide product(float a, float b);
  friend Wide operator+(const Wide& a, const Wide& b);

  bool negative() const { return negative_; }
  bool is_zero() const;
  /// floor(log2 |x|); x is not zero.
  int exponent() const;
  /// |x| in whole steps of 2^step, rounded down, and what is left.
  std::uint64_t steps(int step) const;
  Wide rest(int step) const;

 private:
  static constexpr int lowest_ = -704;
  static int compare(const Wide& a, const Wide& b);
  /// The 64 bits from this place on; places below 0 are zeros.
  std::uint64_t window(int place) const;

  bool negative_ = false;
  std::array<std::uint64_t, 24> words_{};
};

/// A floating-point format as its largest value tells it.
struct FloatKind {
  int fraction_bits;
  int smallest_exponent;  ///< of normal numbers
  double largest;
  Overflow overflow;
};

/// x rounded once; a zero result has the sign of x.
float round(const FloatKind& kind, const Wide& x, Mode mode, int stochastic_bits, std::uint32_t word);

/// c + float(lane) * 2^exponent: the lane to nearest even in 24 bits, the sum to nearest even in FP32. The lane is
/// finite: an infinite c stays.
float spill(std::int32_t lane, int exponent, float c);

/// c + sum * 2^exponent of a floating-point sum, to nearest even in FP32; with infinities or NaN as IEEE 754 says.
float spill(float sum, int exponent, float c);

/// One lane run over products, counted in 128 bits.
struct Lane {
  std::int32_t value = 0;
  Int128 true_sum = 0;
  std::uint64_t events = 0;
  std::int64_t first = -1;  ///< index of the first product of the first step that left the range
};
Lane run_lane(const std::vector<std::int64_t>& products, int per_step, bool saturate);

/// Bits of a two's complement number that holds x.
int bits_of(Int128 x);

struct Piece {
  std::int64_t begin, end;
};
/// Cuts [0, length) product by product: where the block of either side changes, and after every `chain` products (0:
/// never). Blocks count from the start of each period; 0: one block for all.
std::vector<Piece> cut(std::int64_t length, std::int64_t period, std::int64_t block_a, std::int64_t block_b,
                       std::int64_t chain);

/// True iff largest row sums of squares a and b satisfy a * b <= (2^31 - 1)^2.
bool norms_fit(Int128 squares_a, Int128 squares_b);

struct Shape {
  std::int64_t n, h, w, ic, oc, kh, kw, stride, pad, groups;
  std::int64_t out_h() const { return (h + 2 * pad - kh) / stride + 1; }
  std::int64_t out_w() const { return (w + 2 * pad - kw) / stride + 1; }
};

/// Every multiply-accumulate of the forward pass that touches an element of the image:
/// y[output] += x[input] * w[weight], through tap (r, s), channel c of the group.
struct Mac {
  std::int64_t output, input, weight, tap, group, oc, c, out_pixel, in_pixel;
};
void for_each_mac(const Shape& shape, const std::function<void(const Mac&)>& visit);

enum class Product : std::uint8_t { forward, input_gradient, weight_gradient };

/// A product as two implicit matrices of tensor elements, -1 for zeros: left[(group * rows + row) * length + k].
struct Implicit {
  std::int64_t groups = 0, rows = 0, columns = 0, taps = 0, period = 0;
  std::vector<std::int64_t> left, right;
  std::vector<std::int64_t> result;  ///< [(group * rows + row) * columns + column]
  std::int64_t length() const { return taps * period; }
};
/// `even`: odd periods get one zero more.
Implicit implicit(const Shape& shape, Product product, bool even);

/// Dynamic fixed point as numerics 2 describes it.
enum class Top : std::uint8_t { saturate, bump, wrap };
struct Dfp {
  int bits, headroom;
  Top top;
  Mode mode;
  int stochastic_bits;
};
/// A converted block: one exponent, a code per element. word(i) is the random word of element i.
struct Converted {
  int exponent = 0;
  std::vector<std::int32_t> codes;
};
Converted convert_block(const Dfp& dfp, const std::vector<float>& x,
                        const std::function<std::uint32_t(std::size_t)>& word);

/// How one side of a product shares exponents: by channel, or k products at a time.
struct Blocks {
  bool by_channel = false;
  std::int64_t size = 0;
};
/// Calls visit(place, x, draws) for every block of a side of a product: the places from `place` on of its implicit
/// matrix have the numbers x (then, of patches by channel, the rest of the channel follows) and the random words
/// draws[i].
using VisitBlock = std::function<void(std::int64_t place, std::int64_t count, const std::vector<float>& x,
                                      const std::vector<std::uint64_t>& draws)>;
void for_each_block(const Shape& shape, Product product, bool left, const Blocks& blocks, bool even,
                    const std::vector<float>& tensor, const VisitBlock& visit);

/// Codes and exponents of every position of a side's implicit matrix; word(i) of tensor element i, or, for the right
/// side of weight gradients in blocks, of place i of the view without fill.
struct ConvertedSide {
  std::vector<std::int32_t> codes;
  std::vector<int> exponents;
};
ConvertedSide convert_side(const Shape& shape, Product product, bool left, const Blocks& blocks, const Dfp& dfp,
                           const std::vector<float>& tensor, const std::function<std::uint32_t(std::uint64_t)>& word);

}  // namespace oracle
