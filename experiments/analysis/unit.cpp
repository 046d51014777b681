// One segment through every conversion; see unit.hpp.
#include "experiments/analysis/unit.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "formats/array_kernel.hpp"
#include "formats/convert_block.hpp"
#include "formats/error.hpp"
#include "formats/exact.hpp"

namespace precsim::analysis {
namespace {

using formats::Block;
using formats::ConversionCounts;
using formats::Format;

/// The sums of one part of a block, without pairs that are not finite.
formats::BlockPart part_sums(std::span<const float> x, std::span<const float> y) {
  const formats::StatisticsKernel& kernel = formats::best_statistics_kernel();
  const auto size = static_cast<std::int64_t>(x.size());
  const formats::BlockPart sums = kernel.block(x.data(), y.data(), size);
  if (std::isfinite(sums.noise)) {
    return sums;
  }
  std::array<float, formats::statistics_run> left{}, right{};
  for (std::size_t j = 0; j < x.size(); ++j) {
    const bool finite = !formats::is_nonfinite(y[j]);
    left[j] = finite ? x[j] : 0;
    right[j] = finite ? y[j] : 0;
  }
  return kernel.block(left.data(), right.data(), size);
}

/// The conversion of one run, block by block.
class RunConverter {
 public:
  RunConverter(const Unit& unit, const TensorConversion& how, const formats::RandomBits& bits, UnitWorkspace& workspace)
      : unit_(unit), how_(how), format_(*how.conversion.format), bits_(bits), workspace_(workspace) {}

  void convert(std::int64_t first, std::span<const float> x, ConversionSums& sums) {
    ConversionCounts counts;
    const std::int64_t end = first + static_cast<std::int64_t>(x.size());
    if (!how_.scaled) {
      sums.exponent = part(first, x, 0, format_.block_exponent(0), counts);
    }
    for (std::int64_t at = first; how_.scaled && at < end;) {
      const tensor_files::BlockPlace place = how_.grid.at(at);
      const std::int64_t stop = std::min(end, place.first + place.size);
      const auto piece = x.subspan(static_cast<std::size_t>(at - first), static_cast<std::size_t>(stop - at));
      const bool whole = at == place.first && stop == place.first + place.size;
      if (at == place.first || at == unit_.first) {
        choose_exponent(place, whole);
      }
      sums.exponent = part(at, piece, absmax_, exponent_, counts);
      if (how_.tracked) {
        const BlockErrors errors{place.index, sums.exponent, absmax_, part_sums(piece, converted(at - first, piece))};
        sums.blocks.add(errors, at == place.first, stop == place.first + place.size);
      }
      at = stop;
    }
    PRECSIM_CHECK(counts.refused < 0, format_.name() + " refused a finite element");
    sums.errors.add(workspace_.run, {workspace_.converted.data(), x.size()}, counts.saturated);
  }

 private:
  std::span<const float> converted(std::int64_t offset, std::span<const float> piece) const {
    return {workspace_.converted.data() + offset, piece.size()};
  }

  int part(std::int64_t first, std::span<const float> x, float absmax, int exponent, ConversionCounts& counts) {
    float* const to = workspace_.converted.data() + (x.data() - workspace_.run.x().data());
    const Block in{x.data(), static_cast<std::int64_t>(x.size()), 1, static_cast<std::uint64_t>(first)};
    return formats::convert_block(format_, in, absmax, exponent, how_.conversion.rounding, bits_, {to, nullptr},
                                  counts);
  }

  /// Where a block is converted in parts and its exponent may depend on what rounding does to its elements, the extreme
  /// ones decide: rounding without draws is monotonic.
  void choose_exponent(const tensor_files::BlockPlace& place, bool whole) {
    const bool probe = !whole && !format_.splittable(how_.conversion.rounding);
    Range range;
    if (how_.ranges) {
      range = (*how_.ranges)[static_cast<std::size_t>(place.index)];
      absmax_ = std::max(-range.min, range.max);
    } else {
      const float* const x = unit_.data + (place.first - unit_.data_first);
      absmax_ = formats::extent(x, place.size).absmax;
      if (probe) {
        widen(range, {x, static_cast<std::size_t>(place.size)}, true);
      }
    }
    exponent_ = format_.block_exponent(absmax_);
    if (probe) {
      const std::array<float, 2> extremes = {range.min, range.max};
      std::array<float, 2> values{};
      ConversionCounts counts;
      exponent_ = format_.convert({extremes.data(), 2, 1, 0}, absmax_, exponent_, how_.conversion.rounding, bits_,
                                  {values.data(), nullptr}, counts);
    }
  }

  const Unit& unit_;
  const TensorConversion& how_;
  const Format& format_;
  const formats::RandomBits& bits_;
  UnitWorkspace& workspace_;
  float absmax_ = 0;
  int exponent_ = 0;
};

}  // namespace

void widen(Range& range, std::span<const float> x, bool signs) {
  if (!signs) {
    const float absmax = formats::extent(x.data(), static_cast<std::int64_t>(x.size())).absmax;
    range = {std::min(range.min, -absmax), std::max(range.max, absmax)};
    return;
  }
  for (const float value : x) {
    if (!formats::is_nonfinite(value)) {
      range.min = std::min(range.min, value);
      range.max = std::max(range.max, value);
    }
  }
}

UnitSums sum_unit(const Unit& unit, std::span<const TensorConversion> conversions, const formats::RandomBits& bits,
                  bool keep_blocks, UnitWorkspace& workspace) {
  UnitSums sums;
  std::vector<RunConverter> converters;
  for (const TensorConversion& conversion : conversions) {
    converters.emplace_back(unit, conversion, bits, workspace);
    sums.conversions.push_back({{}, BlockSums(keep_blocks), 0});
  }
  const std::int64_t end = unit.first + unit.count;
  for (std::int64_t at = unit.first; at < end; at += formats::statistics_run) {
    const auto size = static_cast<std::size_t>(std::min(formats::statistics_run, end - at));
    workspace.run.set({unit.data + (at - unit.data_first), size});
    sums.reference.add(workspace.run);
    for (std::size_t c = 0; c < conversions.size(); ++c) {
      converters[c].convert(at, workspace.run.x(), sums.conversions[c]);
    }
  }
  return sums;
}

}  // namespace precsim::analysis
