// Streamed conversion; see tensor_converter.hpp.
#include "experiments/conversion/tensor_converter.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <variant>

#include "formats/convert_block.hpp"
#include "formats/convert_panel.hpp"
#include "formats/words.hpp"

namespace precsim::conversion {
namespace {

using formats::BlockKind;
using tensor_files::BlockGrid;
using tensor_files::BlockPlace;

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
    const BlockGrid grid(entry_.shape, format_.blocking());
    if (entry_.size() == 0) {
      exponents_of_nothing(grid);
    } else if (format_.blocking().kind == BlockKind::reduction && grid.longest() <= window_) {
      convert_panels(grid);
    } else {
      for (std::int64_t at = 0; at < entry_.size();) {
        const BlockPlace block = grid.at(at);
        convert_block(block.first, block.size);
        at += block.size;
      }
    }
    return counts_;
  }

 private:
  void exponents_of_nothing(const BlockGrid& grid) {
    if (format_.blocking().kind == BlockKind::none || !hooks_.exponents) return;
    std::int64_t count = 1;
    for (const std::int64_t extent : grid.exponents_shape()) count *= extent;
    const auto exponent = static_cast<std::int16_t>(format_.block_exponent(0));
    hooks_.exponents(std::vector<std::int16_t>(static_cast<std::size_t>(count), exponent));
  }

  /// Many blocks at once: as many whole rows as a window holds, or as many blocks of a longer one.
  void convert_panels(const BlockGrid& grid) {
    const std::int64_t row = grid.row();
    const std::int64_t lines = std::max<std::int64_t>(1, window_ / row);
    const std::int64_t length = row <= window_ ? row : window_ / grid.longest() * grid.longest();
    for (std::int64_t start = 0; start < entry_.size(); start += lines * row) {
      const std::int64_t rows = std::min(lines, (entry_.size() - start) / row);
      for (std::int64_t at = 0; at < row; at += length) {
        convert_panel(start + at, rows, std::min(length, row - at), grid.longest());
      }
    }
  }

  void convert_panel(std::int64_t first, std::int64_t lines, std::int64_t length, std::int64_t block) {
    const formats::Panel in{.x = fill(first, lines * length).data(),
                            .lines = lines,
                            .length = length,
                            .block = block,
                            .first = static_cast<std::uint64_t>(first)};
    make_room(x_.size());
    exponents_.resize(static_cast<std::size_t>(lines * in.blocks_of_line()));
    formats::convert_panel(format_, in, rounding_, bits_,
                           {values_.data(), has_codes_ ? codes_.data() : nullptr, exponents_.data()}, counts_);
    check(first, x_, counts_);
    hooks_.piece({x_, values_, codes_, 0});
    if (hooks_.exponents) hooks_.exponents(exponents_);
  }

  void make_room(std::size_t size) {
    values_.resize(size);
    codes_.resize(has_codes_ ? size : 0);
  }

  void check(std::int64_t first, std::span<const float> x, const formats::ConversionCounts& counts) const {
    if (counts.refused >= 0) {
      formats::refuse_element(format_, "tensor " + formats::quote(entry_.name), first + counts.refused,
                              x[static_cast<std::size_t>(counts.refused)]);
    }
  }

  std::span<const float> fill(std::int64_t first, std::int64_t count) {
    x_.resize(static_cast<std::size_t>(count));
    file_.read(index_, first, x_);
    first_ = first;
    if (hooks_.progress) hooks_.progress(x_.size());
    return x_;
  }

  /// Elements [first, first + count), at most a window of them, which is filled ahead.
  std::span<const float> elements(std::int64_t first, std::int64_t count) {
    const std::int64_t end = first_ + static_cast<std::int64_t>(x_.size());
    if (first < first_ || first + count > end) {
      fill(first, std::min(window_, entry_.size() - first));
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
    if (scaled && hooks_.exponents) hooks_.exponents(std::array{static_cast<std::int16_t>(exponent)});
  }

  int convert_piece(std::int64_t first, std::span<const float> x, float absmax, int exponent,
                    formats::ConversionCounts& counts) {
    make_room(x.size());
    const formats::Block in{x.data(), static_cast<std::int64_t>(x.size()), 1, static_cast<std::uint64_t>(first)};
    const int used = formats::convert_block(format_, in, absmax, exponent, rounding_, bits_,
                                            {values_.data(), has_codes_ ? codes_.data() : nullptr}, counts);
    check(first, x, counts);
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
  std::vector<std::int16_t> codes_, exponents_;
};

}  // namespace

formats::ConversionCounts convert_tensor(tensor_files::TensorFile& file, std::size_t i,
                                         const formats::Conversion& conversion, std::uint32_t seed,
                                         const ConverterHooks& hooks, std::int64_t window) {
  return Converter(file, i, conversion, seed, hooks, window).run();
}

std::uint64_t elements_read(const tensor_files::TensorEntry& entry, const formats::Conversion& conversion) {
  const formats::Format& format = *conversion.format;
  const bool scaled = format.blocking().kind != BlockKind::none;
  const bool again = scaled && BlockGrid(entry.shape, format.blocking()).longest() > default_window;
  const std::uint64_t times = !again ? 1 : format.splittable(conversion.rounding) ? 2 : 3;
  return times * static_cast<std::uint64_t>(entry.size());
}

}  // namespace precsim::conversion
