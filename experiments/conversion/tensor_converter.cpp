// Streamed conversion; see tensor_converter.hpp.
#include "experiments/conversion/tensor_converter.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "formats/convert_block.hpp"
#include "formats/words.hpp"

namespace precsim::conversion {
namespace {

using formats::BlockKind;

class Converter {
 public:
  Converter(tensor_files::TensorFile& file, std::size_t i, const formats::Conversion& conversion, std::uint32_t seed,
            const ConverterHooks& hooks, std::int64_t window)
      : file_(file),
        index_(i),
        entry_(file.tensors()[i]),
        format_(*conversion.format),
        rounding_(conversion.rounding),
        hooks_(hooks),
        window_(window) {
    bits_.seed = seed;
    bits_.tensor = formats::tensor_id(entry_.name);
    has_codes_ = !std::holds_alternative<std::monostate>(format_.code_rule()) && format_.width() <= 16;
  }

  formats::ConversionCounts run() {
    const BlockRows blocks(entry_.shape, format_.blocking());
    if (entry_.size() == 0) exponents_of_nothing(blocks);
    for (std::int64_t start = 0; start < entry_.size(); start += blocks.row) {
      for (std::int64_t at = 0; at < blocks.row; at += blocks.block) {
        convert_block(start + at, std::min(blocks.block, blocks.row - at));
      }
    }
    return counts_;
  }

 private:
  void exponents_of_nothing(const BlockRows& blocks) {
    if (format_.blocking().kind == BlockKind::none || !hooks_.block) return;
    std::int64_t count = 1;
    for (const std::int64_t extent : blocks.exponents_shape) count *= extent;
    for (std::int64_t i = 0; i < count; ++i) hooks_.block(format_.block_exponent(0));
  }

  /// Elements [first, first + count), at most a window of them, which is filled ahead.
  std::span<const float> elements(std::int64_t first, std::int64_t count) {
    const std::int64_t end = first_ + static_cast<std::int64_t>(x_.size());
    if (first < first_ || first + count > end) {
      x_.resize(static_cast<std::size_t>(std::min(window_, entry_.size() - first)));
      file_.read(index_, first, x_);
      first_ = first;
      if (hooks_.progress) hooks_.progress(x_.size());
    }
    return std::span(x_).subspan(static_cast<std::size_t>(first - first_), static_cast<std::size_t>(count));
  }

  /// Calls body(first, elements) for the pieces of a block.
  template <typename Body>
  void for_pieces(std::int64_t first, std::int64_t count, const Body& body) {
    for (std::int64_t at = 0; at < count; at += window_) {
      body(first + at, elements(first + at, std::min(window_, count - at)));
    }
  }

  void convert_block(std::int64_t first, std::int64_t count) {
    const bool scaled = format_.blocking().kind != BlockKind::none;
    float absmax = 0;
    if (scaled) {
      for_pieces(first, count, [&](std::int64_t, std::span<const float> x) {
        absmax = std::max(absmax, formats::extent(x.data(), static_cast<std::int64_t>(x.size())).absmax);
      });
    }
    int exponent = scaled ? format_.block_exponent(absmax) : 0;
    if (count > window_ && !format_.splittable(rounding_)) {
      int used = exponent;
      for_pieces(first, count, [&](std::int64_t at, std::span<const float> x) {
        formats::ConversionCounts ignored;
        used = std::max(used, convert_piece(at, x, absmax, exponent, ignored));
      });
      exponent = used;
    }
    for_pieces(first, count, [&](std::int64_t at, std::span<const float> x) {
      exponent = convert_piece(at, x, absmax, exponent, counts_);
      hooks_.piece({x, values_, codes_, exponent});
    });
    if (scaled && hooks_.block) hooks_.block(exponent);
  }

  int convert_piece(std::int64_t first, std::span<const float> x, float absmax, int exponent,
                    formats::ConversionCounts& counts) {
    values_.resize(x.size());
    codes_.resize(has_codes_ ? x.size() : 0);
    const formats::Block in{x.data(), static_cast<std::int64_t>(x.size()), 1, static_cast<std::uint64_t>(first)};
    const int used = formats::convert_block(format_, in, absmax, exponent, rounding_, bits_,
                                            {values_.data(), has_codes_ ? codes_.data() : nullptr}, counts);
    if (counts.refused >= 0) {
      formats::refuse_element(format_, "tensor " + formats::quote(entry_.name), first + counts.refused,
                              x[static_cast<std::size_t>(counts.refused)]);
    }
    return used;
  }

  tensor_files::TensorFile& file_;
  std::size_t index_;
  const tensor_files::TensorEntry& entry_;
  const formats::Format& format_;
  formats::Rounding rounding_;
  const ConverterHooks& hooks_;
  std::int64_t window_;
  formats::RandomBits bits_;
  bool has_codes_ = false;
  formats::ConversionCounts counts_;
  std::int64_t first_ = 0;
  std::vector<float> x_;
  std::vector<float> values_;
  std::vector<std::int16_t> codes_;
};

}  // namespace

BlockRows::BlockRows(std::span<const std::int64_t> shape, const formats::Blocking& blocking) {
  std::int64_t size = 1;
  for (const std::int64_t extent : shape) size *= extent;
  row = size;
  if (blocking.kind == BlockKind::channel && !shape.empty()) {
    exponents_shape = {shape[0]};
    row = shape[0] == 0 ? 0 : size / shape[0];
  }
  if (blocking.kind == BlockKind::reduction && !shape.empty()) {
    exponents_shape.assign(shape.begin(), shape.end());
    exponents_shape.back() = (shape.back() + blocking.size - 1) / blocking.size;
    row = shape.back();
  }
  block = blocking.kind == BlockKind::reduction ? blocking.size : std::max<std::int64_t>(row, 1);
  rows = row == 0 ? 0 : size / row;
}

formats::ConversionCounts convert_tensor(tensor_files::TensorFile& file, std::size_t i,
                                         const formats::Conversion& conversion, std::uint32_t seed,
                                         const ConverterHooks& hooks, std::int64_t window) {
  return Converter(file, i, conversion, seed, hooks, window).run();
}

std::uint64_t elements_read(const tensor_files::TensorEntry& entry, const formats::Conversion& conversion) {
  const formats::Format& format = *conversion.format;
  const bool scaled = format.blocking().kind != BlockKind::none;
  const bool again = scaled && BlockRows(entry.shape, format.blocking()).block > default_window;
  const std::uint64_t times = !again ? 1 : format.splittable(conversion.rounding) ? 2 : 3;
  return times * static_cast<std::uint64_t>(entry.size());
}

}  // namespace precsim::conversion
