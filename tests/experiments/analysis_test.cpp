// The analysis of tensors: whole tensors through convert() and error_statistics(), however they are cut and threaded.
#include "experiments/analysis/analysis.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include "experiments/analysis/figures.hpp"
#include "formats/convert.hpp"
#include "formats/exact.hpp"
#include "formats/statistics_sums.hpp"
#include "tests/support/sample.hpp"

namespace precsim::analysis {
namespace {

using formats::RandomBits;
using support::Sample;

constexpr float fnan = std::numeric_limits<float>::quiet_NaN();
constexpr float finf = std::numeric_limits<float>::infinity();
constexpr std::int64_t segment = formats::statistics_segment;

struct MemoryTensor {
  std::string name;
  std::vector<std::int64_t> shape;
  std::vector<float> x;
};

/// Tensors in memory; notices readers that go back.
class MemoryFile final : public tensor_files::TensorFile {
 public:
  explicit MemoryFile(std::vector<MemoryTensor> tensors) : tensors_(std::move(tensors)), reads_(tensors_.size()) {
    for (const MemoryTensor& tensor : tensors_) {
      entries_.push_back({tensor.name, tensor.shape, tensor_files::ElementType::float32, "float32"});
      EXPECT_EQ(entries_.back().size(), static_cast<std::int64_t>(tensor.x.size()));
    }
  }
  const std::vector<tensor_files::TensorEntry>& tensors() const override { return entries_; }
  void read(std::size_t i, std::int64_t first, std::span<float> out) override {
    std::int64_t& next = reads_[i].next;
    EXPECT_TRUE(first == next || first == 0) << first << " after " << next;
    reads_[i].passes += first == 0 && !out.empty() ? 1 : 0;
    next = first + static_cast<std::int64_t>(out.size());
    std::copy_n(tensors_[i].x.begin() + first, out.size(), out.begin());
  }
  int passes(std::size_t i) const { return reads_[i].passes; }

 private:
  struct Reads {
    std::int64_t next = 0;
    int passes = 0;
  };
  std::vector<MemoryTensor> tensors_;
  std::vector<tensor_files::TensorEntry> entries_;
  std::vector<Reads> reads_;
};

struct Outcome {
  std::vector<TensorResult> results;
  std::vector<std::vector<BlockErrors>> blocks;  ///< by tensor and conversion
  std::vector<int> passes;
};

Outcome run(const std::vector<MemoryTensor>& tensors, const std::vector<std::string>& conversions, int threads,
            std::uint32_t seed = 1) {
  AnalysisOptions options;
  options.threads = threads;
  options.seed = seed;
  for (const std::string& name : conversions) {
    options.conversions.push_back(formats::parse_conversion(name));
  }
  Outcome outcome;
  outcome.blocks.resize(tensors.size() * conversions.size());
  auto file = std::make_unique<MemoryFile>(tensors);
  const MemoryFile& memory = *file;
  std::vector<AnalysisInput> inputs;
  inputs.push_back({"memory", std::move(file), {}});
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    inputs[0].wanted.push_back(i);
  }
  AnalysisHooks hooks;
  std::uint64_t last = 0, all = 0;
  hooks.progress = [&](std::uint64_t done, std::uint64_t total) {
    EXPECT_TRUE(last <= done && done <= total);
    last = done;
    all = total;
    return true;
  };
  hooks.tensor = [&](TensorResult&& result) { outcome.results.push_back(std::move(result)); };
  hooks.blocks = [&](std::size_t conversion, std::span<const BlockErrors> rows) {
    EXPECT_GE(conversion / conversions.size(), outcome.results.size()) << "blocks come before their tensor";
    auto& to = outcome.blocks[conversion];
    to.insert(to.end(), rows.begin(), rows.end());
  };
  EXPECT_TRUE(analyze(inputs, options, hooks));
  EXPECT_EQ(last, all);
  std::uint64_t stored = 0;
  for (const MemoryTensor& tensor : tensors) {
    stored += sizeof(float) * tensor.x.size();
  }
  EXPECT_EQ(all, stored) << "however often tensors are read";
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    outcome.passes.push_back(memory.passes(i));
  }
  return outcome;
}

std::int64_t row_of(const MemoryTensor& tensor, const formats::Format& format) {
  const auto size = static_cast<std::int64_t>(tensor.x.size());
  if (size == 0) {
    return 1;
  }
  switch (format.blocking().kind) {
    case formats::BlockKind::channel:
      return tensor.shape.empty() ? 1 : size / tensor.shape.front();
    case formats::BlockKind::reduction:
      return tensor.shape.empty() ? 1 : tensor.shape.back();
    default:
      return std::max<std::int64_t>(size, 1);
  }
}

/// The whole tensor at once, what is not finite standing as zeros.
formats::ConvertedArray converted(const MemoryTensor& tensor, const formats::Conversion& conversion,
                                  std::uint32_t seed) {
  std::vector<float> x = tensor.x;
  std::ranges::replace_if(
      x, [](float value) { return formats::is_nonfinite(value); }, 0.0f);
  return formats::convert(x, row_of(tensor, *conversion.format), conversion,
                          {.seed = seed, .tensor = formats::tensor_id(tensor.name)}, tensor.name);
}

std::uint64_t bits(double value) {
  return std::isnan(value) ? 1 : std::bit_cast<std::uint64_t>(value);
}

void expect_whole(const MemoryTensor& tensor, const std::string& name, const TensorResult& got,
                  const ConversionResult& of, std::uint32_t seed) {
  SCOPED_TRACE(tensor.name + " as " + name);
  const formats::ConvertedArray y = converted(tensor, formats::parse_conversion(name), seed);
  const formats::ErrorStatistics s = formats::error_statistics(tensor.x, y.values);
  EXPECT_EQ(bits(of.errors.sqnr_db), bits(s.sqnr_db));
  EXPECT_EQ(bits(of.errors.mean_squared_error), bits(s.mean_squared_error));
  EXPECT_EQ(bits(of.errors.mean_error), bits(s.mean_error));
  EXPECT_EQ(bits(of.errors.cosine), bits(s.cosine));
  EXPECT_EQ(of.errors.max_abs_error, s.max_abs_error);
  EXPECT_EQ(of.errors.max_relative_error, s.max_relative_error);
  EXPECT_EQ(of.errors.flushed, s.flushed);
  EXPECT_EQ(of.errors.octave_counts, s.octave_counts);
  EXPECT_EQ(of.errors.saturated, y.counts.saturated);
  EXPECT_EQ(bits(got.reference.mean), bits(s.mean));
  EXPECT_EQ(bits(got.reference.std), bits(s.std));
  EXPECT_EQ(got.reference.exponents, s.exponents);
  EXPECT_EQ(got.reference.nonfinite, s.nonfinite);
  EXPECT_EQ(of.blocks, y.exponents.size());
  if (!y.exponents.empty()) {
    std::vector<std::int16_t> sorted = y.exponents;
    std::ranges::sort(sorted);
    EXPECT_EQ(of.exponent_min, sorted.front());
    EXPECT_EQ(of.exponent_median, sorted[(sorted.size() - 1) / 2]);
    EXPECT_EQ(of.exponent_max, sorted.back());
  }
}

/// The rows of one conversion against sums in long double over the blocks of the whole tensor.
void expect_blocks(const MemoryTensor& tensor, const std::string& name, const ConversionResult& of,
                   const std::vector<BlockErrors>& rows, std::uint32_t seed) {
  SCOPED_TRACE(tensor.name + " as " + name);
  const formats::Conversion conversion = formats::parse_conversion(name);
  const formats::ConvertedArray y = converted(tensor, conversion, seed);
  const formats::Blocking blocking = conversion.format->blocking();
  const std::int64_t row = row_of(tensor, *conversion.format);
  const std::int64_t length = blocking.kind == formats::BlockKind::reduction ? blocking.size : row;
  ASSERT_EQ(rows.size(), y.exponents.size());
  std::vector<double> sqnrs;
  std::size_t b = 0;
  for (std::int64_t start = 0; start < static_cast<std::int64_t>(tensor.x.size()); start += row) {
    for (std::int64_t at = start; at < start + row; at += length, ++b) {
      long double signal = 0, noise = 0;
      double largest = 0;
      float absmax = 0;
      for (std::int64_t j = at; j < std::min(at + length, start + row); ++j) {
        const auto i = static_cast<std::size_t>(j);
        if (!formats::is_nonfinite(tensor.x[i])) {
          const double x = static_cast<double>(tensor.x[i]);
          const double error = static_cast<double>(y.values[i]) - x;
          signal += static_cast<long double>(x) * static_cast<long double>(x);
          noise += static_cast<long double>(error) * static_cast<long double>(error);
          largest = std::max(largest, std::abs(error));
          absmax = std::max(absmax, std::abs(tensor.x[i]));
        }
      }
      ASSERT_EQ(rows[b].block, static_cast<std::int64_t>(b));
      ASSERT_EQ(rows[b].exponent, y.exponents[b]) << b;
      ASSERT_EQ(rows[b].absmax, absmax) << b;
      ASSERT_EQ(rows[b].sums.max_abs, largest) << b;
      ASSERT_NEAR(rows[b].sums.signal, static_cast<double>(signal), 1e-12 * static_cast<double>(signal)) << b;
      ASSERT_NEAR(rows[b].sums.noise, static_cast<double>(noise), 1e-12 * static_cast<double>(noise)) << b;
      if (signal != 0 || noise != 0) {
        sqnrs.push_back(formats::sqnr_db(rows[b].sums.signal, rows[b].sums.noise));
      }
    }
  }
  EXPECT_EQ(of.silent_blocks, rows.size() - sqnrs.size());
  std::ranges::sort(sqnrs);
  if (sqnrs.empty()) {
    EXPECT_TRUE(std::isnan(of.block_sqnr_min_db) && std::isnan(of.block_sqnr_median_db));
    return;
  }
  const auto at_rank = [&](double share) {
    return sqnrs[static_cast<std::size_t>(std::max(1.0, std::ceil(share * static_cast<double>(sqnrs.size())))) - 1];
  };
  EXPECT_NEAR(of.block_sqnr_min_db, sqnrs.front(), 1e-12);
  for (const auto& [got, truth] :
       {std::pair(of.block_sqnr_p01_db, at_rank(0.01)), std::pair(of.block_sqnr_median_db, at_rank(0.5))}) {
    EXPECT_TRUE(got == truth || (got <= truth && truth - got < 0.04)) << got << ' ' << truth;
  }
}

MemoryTensor sampled(const std::string& name, std::vector<std::int64_t> shape, std::uint64_t seed) {
  Sample sample(seed);
  MemoryTensor tensor{name, std::move(shape), {}};
  std::int64_t size = 1;
  for (const std::int64_t extent : tensor.shape) {
    size *= extent;
  }
  for (std::int64_t j = 0; j < size; ++j) {
    // Magnitudes that rounding carries over the top are frequent.
    tensor.x.push_back(j % 11 == 1   ? 0
                       : j % 13 == 5 ? std::ldexp(0.99999994f, static_cast<int>(sample.below(8)) - 4)
                                     : sample.normal_float(-12, 0));
  }
  return tensor;
}

const std::vector<std::string> conversions = {"fp16",
                                              "bf16@stochastic",
                                              "fix4.4",
                                              "dfp16",
                                              "dfp8:top=bump",
                                              "dfp8:top=bump@stochastic",
                                              "dfp8:channel,top=bump",
                                              "dfp8:channel@toward_positive",
                                              "dfp8:block=32",
                                              "dfp6:block=48,top=bump@nearest_away",
                                              "dfp8:block=65536,top=bump@toward_negative",
                                              "flex16+5",
                                              "flex8+3@stochastic",
                                              "dfxp12"};

void expect_equal(const Outcome& a, const Outcome& b, std::size_t tensor, std::size_t conversion) {
  const ConversionResult& x = a.results[tensor].conversions[conversion];
  const ConversionResult& y = b.results[tensor].conversions[conversion];
  EXPECT_EQ(bits(x.errors.sqnr_db), bits(y.errors.sqnr_db));
  EXPECT_EQ(bits(x.errors.mean_error), bits(y.errors.mean_error));
  EXPECT_EQ(bits(x.errors.cosine), bits(y.errors.cosine));
  EXPECT_EQ(bits(x.block_sqnr_p01_db), bits(y.block_sqnr_p01_db));
  EXPECT_EQ(x.errors.saturated, y.errors.saturated);
  EXPECT_EQ(bits(a.results[tensor].reference.std), bits(b.results[tensor].reference.std));
  const auto same = [](const BlockErrors& r, const BlockErrors& s) {
    return r.block == s.block && r.exponent == s.exponent && r.absmax == s.absmax && r.sums.signal == s.sums.signal &&
           r.sums.noise == s.sums.noise && r.sums.max_abs == s.sums.max_abs;
  };
  const std::size_t at = tensor * conversions.size() + conversion;
  EXPECT_TRUE(std::ranges::equal(a.blocks[at], b.blocks[at], same));
}

void compare_with_whole(const std::vector<MemoryTensor>& tensors) {
  constexpr std::uint32_t seed = 7;
  const Outcome outcome = run(tensors, conversions, 1, seed);
  const Outcome threaded = run(tensors, conversions, 3, seed);
  ASSERT_EQ(outcome.results.size(), tensors.size());
  ASSERT_EQ(threaded.results.size(), tensors.size());
  for (std::size_t t = 0; t < tensors.size(); ++t) {
    EXPECT_EQ(outcome.results[t].entry.name, tensors[t].name);
    for (std::size_t c = 0; c < conversions.size(); ++c) {
      const ConversionResult& of = outcome.results[t].conversions[c];
      expect_whole(tensors[t], conversions[c], outcome.results[t], of, seed);
      expect_equal(outcome, threaded, t, c);
      const bool by_block =
          conversions[c].find("channel") != std::string::npos || conversions[c].find("block") != std::string::npos;
      if (by_block && !tensors[t].x.empty()) {
        expect_blocks(tensors[t], conversions[c], of, outcome.blocks[t * conversions.size() + c], seed);
      } else {
        EXPECT_TRUE(outcome.blocks[t * conversions.size() + c].empty());
      }
    }
  }
}

TEST(Analysis, SmallTensorsAreConvertedAsAWhole) {
  std::vector<MemoryTensor> tensors = {sampled("a", {3, 5, 70}, 1), sampled("b", {9000}, 2),
                                       sampled("c", {1, 5000}, 3),  sampled("d", {5000, 1}, 4),
                                       sampled("scalar", {}, 5),    {"empty", {0}, {}},
                                       {"none", {3, 0, 2}, {}},     {"bad", {4}, {fnan, 1, -finf, 0.3f}}};
  tensors[0].x[100] = fnan;
  tensors[1].x[5000] = finf;
  compare_with_whole(tensors);
}

TEST(Analysis, LongTensorsAreConvertedAsAWhole) {
  const std::vector<MemoryTensor> tensors = {
      sampled("channels that segments cut", {37, segment / 30, 1}, 6),
      sampled("rows that segments cut", {(support::slow_build ? 1 : 2) * segment / 700 + 40, 701}, 7)};
  compare_with_whole(tensors);
}

TEST(Analysis, ChannelsLongerThanWhatIsHeldAreMeasuredFirst) {
  std::vector<MemoryTensor> tensors = {sampled("long", {2, 1, segment / 2 + 77777}, 8)};
  tensors[0].x[segment / 2] = fnan;
  compare_with_whole(tensors);
  EXPECT_EQ(run(tensors, {"fp16", "dfp8:block=32", "fix4.4"}, 1).passes[0], 1);
  EXPECT_EQ(run(tensors, {"fp16", "dfp8:channel"}, 1).passes[0], 2);
  EXPECT_EQ(run(tensors, {"dfp16", "dfp8"}, 1).passes[0], 2);
}

struct Part {
  BlockErrors errors;
  bool first, last;
};

TEST(BlockSums, CutAnywhereGiveTheSameBlocks) {
  std::vector<Part> parts;  // blocks of 1, 4, 2, 1 and 3 parts, of powers of two, whose sums are exact
  for (const int count : {1, 4, 2, 1, 3}) {
    for (int i = 0; i < count; ++i) {
      const auto n = static_cast<int>(parts.size());
      const BlockErrors errors{count, 10 * count, 1.0f, {std::ldexp(1.0, n), std::ldexp(1.0, n - 20), 1.0 / (n + 1)}};
      parts.push_back({errors, i == 0, i == count - 1});
    }
  }
  const auto sum = [&](std::size_t begin, std::size_t end) {
    BlockSums sums(true);
    for (std::size_t i = begin; i < end; ++i) {
      sums.add(parts[i].errors, parts[i].first, parts[i].last);
    }
    return sums;
  };
  BlockSums whole = sum(0, parts.size());
  const std::vector<BlockErrors> expected = whole.take_rows();
  ASSERT_EQ(expected.size(), 5u);
  EXPECT_EQ(expected[1].sums.signal, 2 + 4 + 8 + 16);
  EXPECT_EQ(expected[1].sums.max_abs, 0.5);
  for (std::size_t a = 0; a <= parts.size(); ++a) {
    for (std::size_t b = a; b <= parts.size(); ++b) {
      BlockSums joined;
      joined.join(sum(0, a));
      joined.join(sum(a, b));
      joined.join(sum(b, parts.size()));
      const std::vector<BlockErrors> rows = joined.take_rows();
      ASSERT_EQ(rows.size(), expected.size()) << a << ' ' << b;
      for (std::size_t i = 0; i < rows.size(); ++i) {
        EXPECT_EQ(rows[i].sums.signal, expected[i].sums.signal);
        EXPECT_EQ(rows[i].sums.noise, expected[i].sums.noise);
        EXPECT_EQ(rows[i].sums.max_abs, expected[i].sums.max_abs);
        EXPECT_EQ(rows[i].exponent, expected[i].exponent);
      }
      EXPECT_EQ(joined.exponents().ranked(1), 10);
      EXPECT_EQ(joined.exponents().ranked(5), 40);
      EXPECT_EQ(joined.sqnr().least_db(), whole.sqnr().least_db());
    }
  }
}

TEST(BlockSums, SqnrsWithoutNoiseAreAboveAllOthersAndSilenceIsApart) {
  SqnrCounts counts;
  EXPECT_TRUE(std::isnan(counts.least_db()) && std::isnan(counts.quantile_db(0.5)));
  counts.add({0, 0, 0});
  EXPECT_EQ(counts.silent(), 1u);
  EXPECT_TRUE(std::isnan(counts.quantile_db(0.5)));
  counts.add({1, 0, 0});
  EXPECT_EQ(counts.least_db(), std::numeric_limits<double>::infinity());
  SqnrCounts others;
  others.add({100, 1, 0});
  others.add({0, 1, 0});
  counts.join(others);
  EXPECT_EQ(counts.least_db(), -std::numeric_limits<double>::infinity());
  EXPECT_NEAR(counts.quantile_db(0.5), 20, 0.04);
  EXPECT_EQ(counts.quantile_db(1), std::numeric_limits<double>::infinity());
}

TEST(Analysis, AHookStopsItBetweenTensors) {
  std::vector<AnalysisInput> inputs;
  inputs.push_back({"memory",
                    std::make_unique<MemoryFile>(
                        std::vector{sampled("first", {segment + 1}, 1), sampled("second", {segment + 1}, 2)}),
                    {0, 1}});
  AnalysisOptions options;
  options.conversions = {formats::parse_conversion("fp16")};
  int finished = 0;
  AnalysisHooks hooks;
  hooks.progress = [&](std::uint64_t done, std::uint64_t total) { return done < total; };
  hooks.tensor = [&](TensorResult&&) { ++finished; };
  EXPECT_FALSE(analyze(inputs, options, hooks));
  EXPECT_EQ(finished, 1);
}

TEST(Analysis, TablesAreDocumentedWordForWord) {
  std::ifstream file(std::string(PRECSIM_GOLDEN_DIR) + "/../../experiments/SCHEMA.md");
  const std::string page((std::istreambuf_iterator<char>(file)), {});
  const std::size_t start =
      page.find("\n# The analysis of tensors, version " + std::to_string(analysis_version) + "\n");
  ASSERT_NE(start, std::string::npos);
  std::size_t columns = 0;
  for (const record::TableSchema& table : analysis_tables({})) {
    const std::size_t at = page.find("\n### " + table.path + "\n\n" + table.description + "\n", start);
    ASSERT_NE(at, std::string::npos) << table.path;
    for (const record::Column& column : table.columns) {
      const std::string type = column.type == record::ColumnType::text ? "text" : record::type_name(column);
      const std::string line =
          "| `" + column.name + "` | " + type + " | " + column.unit + " | " + column.description + " |\n";
      EXPECT_NE(page.find(line, at), std::string::npos) << table.path << ": " << line;
      ++columns;
    }
  }
  EXPECT_EQ(columns, 58u);
}

}  // namespace
}  // namespace precsim::analysis
