// A number format as the rest of the program sees it: named, described, converting blocks of FP32 numbers.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "formats/code_rule.hpp"
#include "formats/exponent_controller.hpp"
#include "formats/random_bits.hpp"
#include "formats/rounding.hpp"

namespace precsim::formats {

/// What a multiply-accumulate sees of a value.
enum class OperandKind : std::uint8_t {
  integer,       ///< an integer code of at most 16 bits, times a scale
  floating,      ///< an FP32 number
  scaled,        ///< an FP32 number of few bits, the element, times the power of two of its block
  storage_only,  ///< never an operand of a product (fixed point wider than 16 bits)
};
/// As what two operands meet: codes with codes (numerics 3), elements with elements, unscaled within their blocks
/// (numerics 5), and everything else as FP32 numbers, into which both are decoded.
constexpr OperandKind meeting(OperandKind a, OperandKind b) {
  return a == b && a != OperandKind::storage_only ? a : OperandKind::floating;
}

/// Which elements share one scale, as seen from a matrix operand (numerics 2).
enum class BlockKind : std::uint8_t { none, tensor, channel, reduction };
struct Blocking {
  BlockKind kind = BlockKind::none;
  int size = 0;  ///< elements per block along the reduction; only for `reduction`, even
  friend bool operator==(const Blocking&, const Blocking&) = default;
};

/// One block of a tensor: element j is x[j * stride], and element first + j * stride of the tensor for random bits.
struct Block {
  const float* x = nullptr;
  std::int64_t count = 0;
  std::int64_t stride = 1;
  std::uint64_t first = 0;
};

/// Where a converted block goes; both have the input's stride; `values` may not overlap the input. `codes` may be null,
/// and must be for storage_only and floating formats; those of scaled elements are bit patterns.
struct BlockOutput {
  float* values = nullptr;
  std::int16_t* codes = nullptr;
};

/// What happened in a conversion, summed over blocks.
struct ConversionCounts {
  std::uint64_t saturated = 0;  ///< finite elements clipped, wrapped or overflowed to infinity or NaN
  std::int64_t refused = -1;    ///< j of the first element that the format cannot take (NaN, infinity), or -1
};

/// What the catalogue prints. Values of formats with a shared scale are for scale 1.
struct FormatFacts {
  int width = 0;
  double largest = 0;
  double smallest_normal = 0;
  double smallest = 0;          ///< smallest positive value (subnormal where there are any)
  double epsilon = 0;           ///< step above 1; shared scales: step / smallest absmax with that scale
  double dynamic_range_db = 0;  ///< 20 log10(largest / smallest)
  std::string notes;
};

/// Immutable; shared freely between threads. A new format derives from this in a file of its own and
/// joins the table in catalogue.cpp.
class Format {
 public:
  virtual ~Format() = default;

  /// The canonical name, which parse_format() reads back.
  virtual std::string name() const = 0;
  virtual OperandKind kind() const = 0;
  virtual Blocking blocking() const { return {}; }
  /// Bits per element, shared scale not counted.
  virtual int width() const = 0;
  virtual FormatFacts facts() const = 0;
  /// True iff the format has a code for it; where not, an element of that kind is `refused`.
  virtual bool takes_nan() const { return false; }
  virtual bool takes_infinity() const { return false; }

  /// The shared exponent of a block whose largest finite magnitude is `absmax`; 0 for formats without one. Where
  /// controllers choose exponents, that of a tensor that is converted for the first time.
  virtual int block_exponent(float absmax) const = 0;
  /// Whoever converts one tensor again and again takes its exponents from one of these; null: from block_exponent().
  virtual std::unique_ptr<ExponentController> make_controller() const { return nullptr; }
  /// Converts one block under the given exponent and returns the exponent really used (`bump` may add one).
  /// Each value is the FP32 number nearest to code * 2^exponent. Stops at the first refused element.
  virtual int convert(const Block& in, float absmax, int exponent, Rounding rounding, const RandomBits& bits,
                      const BlockOutput& out, ConversionCounts& counts) const = 0;
  /// The same as data, where it can be told so: convert_block() then converts many elements at a time, to the same
  /// bits.
  virtual CodeRule code_rule() const { return {}; }
  /// False where an exponent may depend on the rounded elements, so that a block cannot be split among threads.
  virtual bool splittable(Rounding) const { return true; }
};

using FormatPtr = std::shared_ptr<const Format>;

/// True iff conversion to this format returns every FP32 number unchanged.
bool is_fp32(const Format& format);

/// Reads random words in rising element order and draws each Philox block once.
class WordReader {
 public:
  WordReader(const RandomBits& bits, Rounding rounding) : bits_(bits), active_(rounding.is_stochastic()) {}
  std::uint32_t operator()(std::uint64_t i) {
    if (!active_) {
      return 0;
    }
    if ((i >> 2) != at_) {
      at_ = i >> 2;
      words_ = bits_.block(at_);
    }
    return words_[i & 3];
  }

 private:
  const RandomBits& bits_;
  bool active_;
  std::uint64_t at_ = std::numeric_limits<std::uint64_t>::max();
  std::array<std::uint32_t, 4> words_{};
};

}  // namespace precsim::formats
