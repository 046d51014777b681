// Panels of blocks through the array kernels; see convert_panel.hpp.
#include "formats/convert_panel.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <vector>

#include "formats/convert_block.hpp"

namespace precsim::formats {
namespace {

constexpr std::uint32_t infinity_bits = 0x7f800000u;

/// One panel under a format; the conversion of elements under exponents of their own, where kernels have it.
class PanelRun {
 public:
  PanelRun(const Format& format, const Panel& in, Rounding rounding, const RandomBits& bits, const PanelOutput& out,
           ConversionCounts& counts, const ArrayKernel& kernel)
      : format_(format),
        in_(in),
        rounding_(rounding),
        bits_(bits),
        out_(out),
        counts_(counts),
        kernel_(kernel),
        rule_(format.code_rule()),
        blocks_((in.down ? 1 : in.lines) * in.blocks_of_line()),
        largest_(static_cast<std::size_t>(blocks_)) {
    if (in.down) {
      kernel.largest_down(in.x, in.lines, in.length, in.distance, largest_.data());
    } else {
      kernel.largest_along(in.x, in.lines, in.length, in.block, largest_.data());
    }
    if (const auto* scaled = std::get_if<ScaledFloat>(&rule_)) {
      range_ = scaled_exponents(scaled->element);
      floats_ = float_coding(scaled->element, rounding);
      run_floats_ = kernel.scaled_blocks[static_cast<std::size_t>(rounding.mode)];
    } else if (const auto* integers = std::get_if<IntegerCodes>(&rule_)) {
      range_ = {lowest_array_exponent, highest_array_exponent};
      integers_ = integer_coding(*integers, 0);
      run_integers_ = integers->bumps || integers->wraps
                          ? nullptr
                          : kernel.saturating_blocks[static_cast<std::size_t>(rounding.mode)];
    }
  }

  void run() {
    if (std::any_of(largest_.begin(), largest_.end(), [](std::uint32_t bits) { return bits >= infinity_bits; })) {
      refuse();
      return;
    }
    if (run_floats_ == nullptr && run_integers_ == nullptr) {
      for (std::int64_t b = 0; b < blocks_; ++b) {
        convert_one(b);
      }
      return;
    }
    exponents_.resize(largest_.size());
    for (std::int64_t b = 0; b < blocks_; ++b) {
      const int exponent = format_.block_exponent(absmax(b));
      out_.exponents[b] = static_cast<std::int16_t>(exponent);
      exponents_[static_cast<std::size_t>(b)] = std::clamp(exponent, range_.lowest, range_.highest);
    }
    if (in_.down) {
      for (std::int64_t line = 0; line < in_.lines; ++line) {
        convert_elements(line * in_.distance, in_.length, exponents_.data());
      }
    } else {
      convert_lines();
    }
    // Blocks of the smallest numbers, none of whose elements saturated under the larger exponent.
    for (std::int64_t b = 0; b < blocks_; ++b) {
      if (!range_.has(out_.exponents[b]) && largest_[static_cast<std::size_t>(b)] != 0) {
        convert_one(b);
      }
    }
  }

 private:
  float absmax(std::int64_t block) const { return std::bit_cast<float>(largest_[static_cast<std::size_t>(block)]); }

  void refuse() {
    const std::int64_t distance = in_.down ? in_.distance : in_.length;
    for (std::int64_t line = 0; line < in_.lines; ++line) {
      const std::int64_t bad = kernel_.extent(in_.x + line * distance, in_.length).first_nonfinite;
      if (bad >= 0) {
        counts_.refused = line * distance + bad;
        return;
      }
    }
  }

  /// One block by convert_block().
  void convert_one(std::int64_t block) {
    const std::int64_t per_line = in_.blocks_of_line();
    const std::int64_t within = block % per_line * in_.block;
    const std::int64_t at = in_.down ? block : block / per_line * in_.length + within;
    const Block one{in_.x + at, in_.down ? in_.lines : std::min(in_.block, in_.length - within),
                    in_.down ? in_.distance : 1, in_.first + static_cast<std::uint64_t>(at)};
    const BlockOutput to{out_.values == nullptr ? nullptr : out_.values + at,
                         out_.codes == nullptr ? nullptr : out_.codes + at};
    const float most = absmax(block);
    out_.exponents[block] = static_cast<std::int16_t>(
        convert_block(format_, one, most, format_.block_exponent(most), rounding_, bits_, to, counts_, kernel_));
  }

  /// Lines follow one another, so that a run of elements may hold many of them.
  void convert_lines() {
    std::array<std::int32_t, 1024> of_element;
    const auto room = static_cast<std::int64_t>(of_element.size());
    std::int64_t filled = 0;
    std::int64_t start = 0;
    const std::int32_t* exponent = exponents_.data();
    for (std::int64_t line = 0; line < in_.lines; ++line) {
      for (std::int64_t at = 0; at < in_.length; at += in_.block, ++exponent) {
        for (std::int64_t left = std::min(in_.block, in_.length - at); left > 0;) {
          const std::int64_t count = std::min(left, room - filled);
          std::fill_n(of_element.data() + filled, count, *exponent);
          filled += count;
          left -= count;
          if (filled == room) {
            convert_elements(start, filled, of_element.data());
            start += filled;
            filled = 0;
          }
        }
      }
    }
    convert_elements(start, filled, of_element.data());
  }

  void convert_elements(std::int64_t at, std::int64_t count, const std::int32_t* exponents) {
    const ArrayJob job{.x = in_.x + at,
                       .count = count,
                       .first = in_.first + static_cast<std::uint64_t>(at),
                       .bits = bits_,
                       .random_bits = rounding_.bits,
                       .values = out_.values == nullptr ? nullptr : out_.values + at,
                       .codes = out_.codes == nullptr ? nullptr : out_.codes + at,
                       .exponents = exponents};
    counts_.saturated +=
        run_floats_ != nullptr ? run_floats_(floats_, job).saturated : run_integers_(integers_, job).saturated;
  }

  const Format& format_;
  const Panel& in_;
  Rounding rounding_;
  const RandomBits& bits_;
  const PanelOutput& out_;
  ConversionCounts& counts_;
  const ArrayKernel& kernel_;
  CodeRule rule_;
  std::int64_t blocks_;
  std::vector<std::uint32_t> largest_;
  std::vector<std::int32_t> exponents_;  ///< those that kernels take
  ExponentRange range_;
  FloatCoding floats_;
  IntegerCoding integers_;
  ArrayEncoder<FloatCoding> run_floats_ = nullptr;
  ArrayEncoder<IntegerCoding> run_integers_ = nullptr;
};

}  // namespace

void convert_panel(const Format& format, const Panel& in, Rounding rounding, const RandomBits& bits,
                   const PanelOutput& out, ConversionCounts& counts, const ArrayKernel& kernel) {
  PanelRun(format, in, rounding, bits, out, counts, kernel).run();
}

}  // namespace precsim::formats
