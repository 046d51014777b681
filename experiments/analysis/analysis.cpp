// Streaming of tensors through conversions; see analysis.hpp.
#include "experiments/analysis/analysis.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "experiments/analysis/candidates.hpp"
#include "experiments/analysis/tensor_stream.hpp"
#include "experiments/analysis/unit.hpp"
#include "experiments/analysis/unit_pool.hpp"
#include "formats/exact.hpp"

namespace precsim::analysis {
namespace {

using formats::BlockKind;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Blocks up to this length are held in memory whole; longer ones of a tensor of several segments are measured first.
constexpr std::int64_t longest_held = std::int64_t{1} << 18;

std::uint64_t element_bytes(tensor_files::ElementType type) {
  switch (type) {
    case tensor_files::ElementType::float8_e4m3fn:
    case tensor_files::ElementType::float8_e5m2:
      return 1;
    case tensor_files::ElementType::float16:
    case tensor_files::ElementType::bfloat16:
      return 2;
    case tensor_files::ElementType::float32:
      return 4;
    case tensor_files::ElementType::float64:
      return 8;
    case tensor_files::ElementType::other:
      break;
  }
  return 0;
}

/// Whether the elements of a block have a say in its exponent; exponents are the same within an octave of absmax, or
/// change with it.
bool follows_elements(const formats::Format& format) {
  for (int octave = formats::exponent_of_zero; octave <= 127; ++octave) {
    if (format.block_exponent(static_cast<float>(formats::power_of_two(octave))) != format.block_exponent(0)) {
      return true;
    }
  }
  return false;
}

TensorConversion meet(const formats::Conversion& conversion, const tensor_files::TensorEntry& entry) {
  const formats::Format& format = *conversion.format;
  const formats::Blocking blocking = format.blocking();
  TensorConversion how{conversion, tensor_files::BlockGrid(entry.shape, blocking)};
  how.scaled = blocking.kind != BlockKind::none && follows_elements(format);
  how.tracked = blocking.kind == BlockKind::channel || blocking.kind == BlockKind::reduction;
  how.scaled |= how.tracked;
  return how;
}

bool is_long(const TensorConversion& how, std::int64_t size) {
  return how.scaled && size > formats::statistics_segment && how.grid.longest() > longest_held;
}

/// A tensor on its way.
struct Work {
  const AnalysisInput& input;
  std::size_t index;
  std::size_t first_conversion;  ///< among those of all tensors
  std::vector<TensorConversion> conversions;
  formats::RandomBits bits;
  UnitSums sums = {};

  const tensor_files::TensorEntry& entry() const { return input.tensors->tensors()[index]; }
  void read(std::int64_t first, std::span<float> out) const { input.tensors->read(index, first, out); }
  bool has_long_blocks() const {
    return std::ranges::any_of(conversions, [&](const auto& how) { return is_long(how, entry().size()); });
  }
};

void add(UnitSums& total, UnitSums&& next) {
  total.reference.join(next.reference);
  total.conversions.resize(next.conversions.size());
  for (std::size_t c = 0; c < next.conversions.size(); ++c) {
    ConversionSums& sums = total.conversions[c];
    sums.errors.join(next.conversions[c].errors);
    sums.blocks.join(std::move(next.conversions[c].blocks));
    sums.exponent = next.conversions[c].exponent;
  }
}

ConversionResult result_of(const TensorConversion& how, const ConversionSums& sums,
                           const formats::ReferenceSums& reference) {
  ConversionResult result;
  result.conversion = how.conversion;
  result.bits = bits_per_element(*how.conversion.format, how.grid);
  result.errors = sums.errors.errors(reference);
  result.block_sqnr_min_db = result.block_sqnr_p01_db = result.block_sqnr_median_db = nan;
  if (how.grid.count() == 0 || how.conversion.format->blocking().kind == BlockKind::none) {
    return result;
  }
  if (!how.tracked) {
    result.blocks = 1;
    result.silent_blocks = std::isnan(result.errors.sqnr_db) ? 1 : 0;
    result.exponent_min = result.exponent_median = result.exponent_max = sums.exponent;
    result.block_sqnr_min_db = result.block_sqnr_p01_db = result.block_sqnr_median_db = result.errors.sqnr_db;
    return result;
  }
  const ValueCounts& exponents = sums.blocks.exponents();
  const SqnrCounts& sqnr = sums.blocks.sqnr();
  result.blocks = exponents.count();
  result.silent_blocks = sqnr.silent();
  result.exponent_min = exponents.ranked(1);
  result.exponent_median = exponents.ranked(rank_of(0.5, exponents.count()));
  result.exponent_max = exponents.ranked(exponents.count());
  result.block_sqnr_min_db = sqnr.least_db();
  result.block_sqnr_p01_db = sqnr.quantile_db(0.01);
  result.block_sqnr_median_db = sqnr.quantile_db(0.5);
  return result;
}

class Analysis {
 public:
  Analysis(const AnalysisOptions& options, const AnalysisHooks& hooks)
      : options_(options), hooks_(hooks), pool_(options.threads, static_cast<bool>(hooks.blocks)) {}

  bool run(std::span<AnalysisInput> inputs) {
    std::vector<Work> works;
    for (const AnalysisInput& input : inputs) {
      for (const std::size_t index : input.wanted) {
        const std::size_t before = works.empty() ? 0 : works.back().first_conversion + works.back().conversions.size();
        works.push_back(begin(input, index, before));
        const tensor_files::TensorEntry& entry = works.back().entry();
        total_ += static_cast<std::uint64_t>(entry.size()) * element_bytes(entry.type);
      }
    }
    for (std::size_t w = 0; w < works.size();) {
      const std::size_t end = works[w].entry().size() > formats::statistics_segment ? w + 1 : end_of_group(works, w);
      const std::span<Work> group(works.data() + w, end - w);
      if (!(group.front().entry().size() > formats::statistics_segment ? stream(group.front()) : take(group))) {
        return false;
      }
      for (Work& work : group) {
        finish(work);
      }
      w = end;
    }
    return true;
  }

 private:
  Work begin(const AnalysisInput& input, std::size_t index, std::size_t first_conversion) const {
    const tensor_files::TensorEntry& entry = input.tensors->tensors()[index];
    Work work{input, index, first_conversion, {}, {.seed = options_.seed, .tensor = formats::tensor_id(entry.name)}};
    for (const formats::Conversion& conversion : conversions_of(options_, entry.shape)) {
      work.conversions.push_back(meet(conversion, entry));
    }
    return work;
  }

  std::int64_t elements_at_once() const { return 2 * options_.threads * formats::statistics_segment; }

  /// Small tensors from `from` on that are read and computed together.
  std::size_t end_of_group(const std::vector<Work>& works, std::size_t from) const {
    const std::size_t most = 64 * static_cast<std::size_t>(options_.threads);
    std::int64_t elements = 0;
    std::size_t end = from;
    while (end < works.size() && end - from < most && works[end].entry().size() <= formats::statistics_segment) {
      elements += works[end].entry().size();
      if (end > from && elements > elements_at_once()) {
        break;
      }
      ++end;
    }
    return end;
  }

  bool report(const Work& work, std::int64_t elements) {
    const std::uint64_t halves = work.has_long_blocks() ? 1 : 2;
    done_halves_ += halves * static_cast<std::uint64_t>(elements) * element_bytes(work.entry().type);
    return !hooks_.progress || hooks_.progress(done_halves_ / 2, total_);
  }

  void finish(Work& work) {
    TensorResult result{work.input.file, work.entry(), work.sums.reference.statistics(), {}};
    for (std::size_t c = 0; c < work.conversions.size(); ++c) {
      result.conversions.push_back(result_of(work.conversions[c], work.sums.conversions[c], work.sums.reference));
    }
    work.sums = {};
    if (hooks_.tensor) {
      hooks_.tensor(std::move(result));
    }
  }

  void add_unit(Work& work, UnitSums&& sums) {
    add(work.sums, std::move(sums));
    for (std::size_t c = 0; hooks_.blocks && c < work.conversions.size(); ++c) {
      const std::vector<BlockErrors> rows = work.sums.conversions[c].blocks.take_rows();
      if (!rows.empty()) {
        hooks_.blocks(work.first_conversion + c, rows);
      }
    }
  }

  /// Small tensors, each a unit, in one buffer.
  bool take(std::span<Work> group) {
    std::int64_t elements = 0;
    for (const Work& work : group) {
      elements += work.entry().size();
    }
    group_data_.resize(static_cast<std::size_t>(elements));
    std::vector<UnitJob> jobs;
    float* at = group_data_.data();
    for (const Work& work : group) {
      const std::int64_t size = work.entry().size();
      work.read(0, {at, static_cast<std::size_t>(size)});
      jobs.push_back({{.count = size, .data = at}, work.conversions, work.bits});
      at += size;
    }
    std::vector<UnitSums> sums = pool_.run(jobs);
    bool go_on = true;
    for (std::size_t i = 0; i < group.size(); ++i) {
      add_unit(group[i], std::move(sums[i]));
      go_on = report(group[i], group[i].entry().size()) && go_on;
    }
    return go_on;
  }

  /// The extremes of long blocks; conversions with equal blocks share them.
  bool measure(Work& work) {
    struct Measured {
      tensor_files::BlockGrid grid;
      std::shared_ptr<std::vector<Range>> ranges;
      bool signs = false;
    };
    std::vector<Measured> measured;
    for (TensorConversion& how : work.conversions) {
      if (!is_long(how, work.entry().size())) {
        continue;
      }
      auto same = std::ranges::find(measured, how.grid, &Measured::grid);
      if (same == measured.end()) {
        const auto blocks = static_cast<std::size_t>(how.grid.count());
        same = measured.insert(same, {how.grid, std::make_shared<std::vector<Range>>(blocks)});
      }
      same->signs |= !how.conversion.format->splittable(how.conversion.rounding);
      how.ranges = same->ranges;
    }
    TensorStream stream(work.entry().size(), [&](std::int64_t first, std::span<float> out) { work.read(first, out); });
    for (std::int64_t at = 0; at < work.entry().size(); at += elements_at_once()) {
      const std::int64_t end = std::min(work.entry().size(), at + elements_at_once());
      const float* const x = stream.hold(at, end);
      for (const Measured& blocks : measured) {
        for (std::int64_t e = at; e < end;) {
          const tensor_files::BlockPlace place = blocks.grid.at(e);
          const std::int64_t stop = std::min(end, place.first + place.size);
          widen((*blocks.ranges)[static_cast<std::size_t>(place.index)],
                {x + (e - at), static_cast<std::size_t>(stop - e)}, blocks.signs);
          e = stop;
        }
      }
      if (!report(work, end - at)) {
        return false;
      }
    }
    return true;
  }

  /// A tensor of several segments, window by window.
  bool stream(Work& work) {
    if (work.has_long_blocks() && !measure(work)) {
      return false;
    }
    const std::int64_t size = work.entry().size();
    TensorStream stream(size, [&](std::int64_t first, std::span<float> out) { work.read(first, out); });
    for (std::int64_t at = 0; at < size; at += elements_at_once()) {
      const std::int64_t end = std::min(size, at + elements_at_once());
      std::int64_t from = at;
      std::int64_t to = end;
      for (const TensorConversion& how : work.conversions) {
        if (how.scaled && !how.ranges) {
          const tensor_files::BlockPlace last = how.grid.at(end - 1);
          from = std::min(from, how.grid.at(at).first);
          to = std::max(to, last.first + last.size);
        }
      }
      const float* const data = stream.hold(from, to);
      std::vector<UnitJob> jobs;
      for (std::int64_t first = at; first < end; first += formats::statistics_segment) {
        jobs.push_back(
            {{first, std::min(formats::statistics_segment, end - first), from, data}, work.conversions, work.bits});
      }
      for (UnitSums& sums : pool_.run(jobs)) {
        add_unit(work, std::move(sums));
      }
      if (!report(work, end - at)) {
        return false;
      }
    }
    return true;
  }

  const AnalysisOptions& options_;
  const AnalysisHooks& hooks_;
  UnitPool pool_;
  std::vector<float> group_data_;
  std::uint64_t done_halves_ = 0, total_ = 0;  ///< bytes
};

}  // namespace

std::vector<formats::Conversion> conversions_of(const AnalysisOptions& options, std::span<const std::int64_t> shape) {
  std::vector<formats::Conversion> all = options.conversions;
  if (options.candidates) {
    const std::vector<formats::Conversion> further = options.candidates(shape);
    all.insert(all.end(), further.begin(), further.end());
  }
  return all;
}

bool analyze(std::span<AnalysisInput> inputs, const AnalysisOptions& options, const AnalysisHooks& hooks) {
  return Analysis(options, hooks).run(inputs);
}

}  // namespace precsim::analysis
