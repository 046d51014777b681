// Formats that compete; see candidates.hpp.
#include "experiments/analysis/candidates.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace precsim::analysis {
namespace {

using formats::BlockKind;
using tensor_files::BlockGrid;

constexpr int widest_dfp = 16, narrowest_dfp = 2;
constexpr int widest_exponent = 8, narrowest_exponent = 2, widest_fraction = 23;
constexpr const char* dfp_blocks[] = {"",          ":channel",   ":block=16", ":block=32",
                                      ":block=64", ":block=128", ":block=256"};

struct ExponentWidth {
  std::string_view family;
  int bits;  ///< 0: as the name says behind '+'
};
constexpr ExponentWidth exponent_widths[] = {{"mx", 8}, {"flex", 0}};
constexpr int exponent_width = 16;

int exponent_bits(const formats::Format& format) {
  const std::string name = format.name();
  if (format.blocking().kind == BlockKind::none || name.starts_with("fix")) {
    return 0;
  }
  for (const ExponentWidth& row : exponent_widths) {
    if (name.starts_with(row.family)) {
      return row.bits > 0 ? row.bits : std::stoi(name.substr(name.find('+') + 1));
    }
  }
  return exponent_width;
}

/// The name without the option that tells the blocks.
std::string without_blocks(const std::string& name) {
  const formats::ParsedName parsed = formats::parse_name(name, "format");
  std::string text = parsed.base;
  for (const auto& [option, value] : parsed.options) {
    if (option != "tensor" && option != "channel" && option != "block") {
      text += fmt::format(",{}={}", option, value);
    }
  }
  return text;
}

struct Fitting {
  formats::FormatPtr format;
  std::string codes;
  std::int64_t blocks, longest;
};

/// Blocks of one tensor that are equal in number and greatest length are the same.
void add(std::vector<Fitting>& fitting, const formats::FormatPtr& format, const BlockGrid& grid) {
  const Fitting one{format, without_blocks(format->name()), grid.count(), grid.longest()};
  const bool known = std::ranges::any_of(fitting, [&](const Fitting& other) {
    return other.codes == one.codes && other.blocks == one.blocks && other.longest == one.longest;
  });
  if (!known) {
    fitting.push_back(one);
  }
}

}  // namespace

double bits_per_element(const formats::Format& format, const BlockGrid& grid) {
  const double elements = static_cast<double>(grid.size());
  return format.width() + (grid.size() == 0 ? 0 : exponent_bits(format) * static_cast<double>(grid.count()) / elements);
}

Candidates::Candidates(double bits) : bits_(bits) {
  const auto take = [&](const std::string& name) {
    formats::FormatPtr format = formats::parse_format(name);
    if (format->width() <= bits) {
      formats_.push_back(std::move(format));
    }
  };
  std::ranges::for_each(formats::catalogue_names(), take);
  examples_ = formats_.size();
  const int whole = static_cast<int>(std::floor(bits));
  for (int exponent = narrowest_exponent; exponent <= widest_exponent; ++exponent) {
    const int fraction = whole - 1 - exponent;
    if (1 <= fraction && fraction <= widest_fraction) {
      take(fmt::format("e{}m{}", exponent, fraction));
    }
  }
  for (const char* blocks : dfp_blocks) {
    for (int width = widest_dfp; width >= narrowest_dfp; --width) {
      take(fmt::format("dfp{}{}", width, blocks));
    }
  }
}

std::vector<formats::FormatPtr> Candidates::of(std::span<const std::int64_t> shape) const {
  std::vector<Fitting> fitting;
  std::vector<formats::Blocking> filled;  // blocks for which the widest dfpP is found
  for (std::size_t i = 0; i < formats_.size(); ++i) {
    const formats::FormatPtr& format = formats_[i];
    const BlockGrid grid(shape, format->blocking());
    const bool narrower = i >= examples_ && format->blocking().kind != BlockKind::none &&
                          std::ranges::find(filled, format->blocking()) != filled.end();
    if (narrower || bits_per_element(*format, grid) > bits_ + bits_to_spare) {
      continue;
    }
    add(fitting, format, grid);
    if (i >= examples_) {
      filled.push_back(format->blocking());
    }
  }
  std::vector<formats::FormatPtr> formats;
  for (const Fitting& one : fitting) {
    formats.push_back(one.format);
  }
  return formats;
}

}  // namespace precsim::analysis
