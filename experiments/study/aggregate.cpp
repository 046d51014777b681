// Reading records and adding their rows up. Rows come out in the order in which their keys first come in.
#include "experiments/study/aggregate.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "experiments/record/bytes.hpp"
#include "experiments/record/run_file.hpp"
#include "experiments/record/run_schema.hpp"
#include "experiments/record/table_rows.hpp"
#include "experiments/study/study_schema.hpp"

namespace precsim::study {
namespace {

using record::Cell;
using Rows = record::TableRows;

/// Worst and mean as RoleSqnr has them, of values as they come.
struct Sqnr {
  double worst = std::numeric_limits<double>::quiet_NaN();
  double sum = 0;
  std::uint64_t finite = 0;

  void add(double value) {
    if (!(worst <= value) && !std::isnan(value)) worst = value;
    if (!std::isfinite(value)) return;
    sum += value;
    ++finite;
  }
  double mean() const { return finite == 0 ? worst : sum / static_cast<double>(finite); }
};

struct TensorSum {
  std::uint64_t conversions = 0, zeros = 0;
  Conversions counts;
  Sqnr sqnr;
  double absmax = 0, max_relative_error = 0, cosine_worst = std::numeric_limits<double>::quiet_NaN();
  std::int64_t exponent_min = 0, exponent_max = 0;
  bool has_exponents = false;

  void add(const Rows& rows, std::size_t i) {
    ++conversions;
    counts.count += rows.count(i, "count");
    counts.nonfinite += rows.count(i, "nonfinite");
    zeros += rows.count(i, "zeros");
    counts.flushed += rows.count(i, "flushed");
    counts.saturated += rows.count(i, "saturated");
    sqnr.add(rows.real(i, "sqnr_db"));
    absmax = std::max(absmax, rows.real(i, "absmax"));
    max_relative_error = std::max(max_relative_error, rows.real(i, "max_relative_error"));
    const double cosine = rows.real(i, "cosine");
    if (!(cosine_worst <= cosine) && !std::isnan(cosine)) cosine_worst = cosine;
    if (rows.count(i, "blocks") == 0) return;
    const std::int64_t low = rows.integer(i, "exponent_min");
    const std::int64_t high = rows.integer(i, "exponent_max");
    exponent_min = has_exponents ? std::min(exponent_min, low) : low;
    exponent_max = has_exponents ? std::max(exponent_max, high) : high;
    has_exponents = true;
  }
};

struct ProductSum {
  std::uint64_t calls = 0, products = 0, chains = 0, shortest = 0, longest = 0, proved = 0, simulated = 0;
  std::uint64_t overflow_events = 0, overflow_outputs = 0, max_chain_sum = 0;
  Sqnr sqnr;

  void add_call(const Rows& rows, std::size_t i) {
    const std::uint64_t length = rows.count(i, "chain_length");
    shortest = calls == 0 ? length : std::min(shortest, length);
    longest = calls == 0 ? length : std::max(longest, length);
    ++calls;
    products += rows.count(i, "products");
    chains += rows.count(i, "chains");
    proved += static_cast<std::uint64_t>(rows.integer(i, "proved"));
  }
  void add_telemetry(const Rows& rows, std::size_t i) {
    ++simulated;
    overflow_events += rows.count(i, "overflow_events");
    overflow_outputs += rows.count(i, "overflow_outputs");
    max_chain_sum = std::max(max_chain_sum, rows.count(i, "max_chain_sum"));
    sqnr.add(rows.real(i, "sqnr_db"));
  }
};

struct OctaveSum {
  std::array<std::uint64_t, record::octave_bins> counts{};
  std::array<double, record::octave_bins> squares{};

  void add(const Rows& rows, std::size_t i) {
    const std::vector<std::uint64_t> more = rows.counts(i, "counts");
    const std::vector<double> errors = rows.reals(i, "rms_relative_error");
    for (std::size_t o = 0; o < counts.size(); ++o) {
      if (more[o] == 0) continue;
      counts[o] += more[o];
      squares[o] += static_cast<double>(more[o]) * errors[o] * errors[o];
    }
  }
};

/// Sums by key, in the order in which the keys came.
template <typename Sum, std::size_t texts>
class Groups {
 public:
  using Key = std::pair<std::int64_t, std::array<std::string, texts>>;
  Sum& of(const Key& key) {
    const auto [place, is_new] = index_.emplace(key, groups_.size());
    if (is_new) groups_.emplace_back(key, Sum());
    return groups_[place->second].second;
  }
  const std::vector<std::pair<Key, Sum>>& all() const { return groups_; }

 private:
  std::map<Key, std::size_t> index_;
  std::vector<std::pair<Key, Sum>> groups_;
};

std::string text_of(const Rows& rows, std::size_t i, std::string_view column) {
  return std::string(rows.text(i, column));
}

std::string pack(Table::Index table, std::initializer_list<Cell> cells) {
  return record::pack_row(study_tables()[table], std::span(cells.begin(), cells.size()));
}

void add_tensors(const Rows& rows, std::int64_t run, RunContent& content) {
  Groups<TensorSum, 1> by_step;
  Groups<TensorSum, 4> by_layer;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    by_step.of({rows.integer(i, "step"), {text_of(rows, i, "role")}}).add(rows, i);
    by_layer
        .of({0,
             {text_of(rows, i, "layer"), text_of(rows, i, "role"), text_of(rows, i, "format"),
              text_of(rows, i, "rounding")}})
        .add(rows, i);
  }
  for (const auto& [key, sum] : by_step.all()) {
    const Conversions& c = sum.counts;
    content.steps +=
        pack(Table::steps, {run, key.first, std::string_view(key.second[0]), sum.conversions, c.count, c.nonfinite,
                            sum.zeros, c.flushed, c.saturated, sum.sqnr.worst, sum.sqnr.mean()});
    content.conversions.nonfinite += c.nonfinite;
    content.conversions.flushed += c.flushed;
    content.conversions.saturated += c.saturated;
  }
  for (const auto& [key, sum] : by_layer.all()) {
    const Conversions& c = sum.counts;
    const std::array<std::string, 4>& names = key.second;
    content.tensor_statistics +=
        pack(Table::tensor_statistics,
             {run, std::string_view(names[0]), std::string_view(names[1]), std::string_view(names[2]),
              std::string_view(names[3]), sum.conversions, c.count, c.nonfinite, sum.zeros, c.flushed, c.saturated,
              sum.sqnr.worst, sum.sqnr.mean(), sum.absmax, sum.max_relative_error, sum.cosine_worst, sum.exponent_min,
              sum.exponent_max});
  }
}

void add_products(const Rows& products, const Rows& telemetry, std::int64_t run, RunContent& content) {
  Groups<ProductSum, 4> groups;
  const auto key_of = [](const Rows& rows, std::size_t i) {
    return Groups<ProductSum, 4>::Key{0,
                                      {text_of(rows, i, "layer"), text_of(rows, i, "pass"),
                                       text_of(rows, i, "semantics"), text_of(rows, i, "operands")}};
  };
  for (std::size_t i = 0; i < products.size(); ++i) groups.of(key_of(products, i)).add_call(products, i);
  for (std::size_t i = 0; i < telemetry.size(); ++i) groups.of(key_of(telemetry, i)).add_telemetry(telemetry, i);
  for (const auto& [key, sum] : groups.all()) {
    const std::array<std::string, 4>& names = key.second;
    content.products +=
        pack(Table::products, {run, std::string_view(names[0]), std::string_view(names[1]), std::string_view(names[2]),
                               std::string_view(names[3]), sum.calls, sum.products, sum.chains, sum.shortest,
                               sum.longest, sum.proved, sum.simulated, sum.overflow_events, sum.overflow_outputs,
                               sum.max_chain_sum, sum.sqnr.worst, sum.sqnr.mean()});
  }
}

void add_octaves(const Rows& rows, std::int64_t run, RunContent& content) {
  Groups<OctaveSum, 2> groups;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    groups.of({0, {text_of(rows, i, "role"), text_of(rows, i, "format")}}).add(rows, i);
  }
  for (const auto& [key, sum] : groups.all()) {
    std::array<double, record::octave_bins> errors{};
    for (std::size_t o = 0; o < errors.size(); ++o) {
      errors[o] = sum.counts[o] == 0 ? std::numeric_limits<double>::quiet_NaN()
                                     : std::sqrt(sum.squares[o] / static_cast<double>(sum.counts[o]));
    }
    content.error_by_octave +=
        pack(Table::error_by_octave, {run, std::string_view(key.second[0]), std::string_view(key.second[1]),
                                      std::span<const std::uint64_t>(sum.counts), std::span<const double>(errors)});
  }
}

void add_evaluations(const record::TableSchema& table, std::string_view packed, std::int64_t run, RunContent& content) {
  const std::size_t bytes = record::row_bytes(table);
  std::string number;
  record::append_integer(number, static_cast<std::uint64_t>(run), 8);
  for (std::size_t at = 0; at < packed.size(); at += bytes) {
    content.evaluation += number;
    content.evaluation += packed.substr(at, bytes);
  }
  const Rows rows(table, packed);
  if (rows.size() > 0) content.test_images = rows.integer(rows.size() - 1, "images");
}

void read_provenance(const record::RecordHeader& header, const std::string& source, RunContent& content) {
  const auto text = [&](std::string_view name) {
    return record::value_of<std::string>(header.provenance, name, source);
  };
  const auto integer = [&](std::string_view name) {
    return record::value_of<std::int64_t>(header.provenance, name, source);
  };
  content.state_hash = record::value_of<std::string>(header.run, "state_hash", source);
  content.host = text("host");
  content.version = text("version");
  content.start_time = text("start_time");
  content.engine = text("engine");
  content.kernel = text("kernel");
  content.sessions = integer("sessions");
  content.threads = integer("threads");
  content.seconds = record::value_of<double>(header.provenance, "seconds", source);
}

}  // namespace

double RunContent::figure(std::string_view name) const {
  const auto found = std::ranges::find(figures, name, &experiments::Figure::name);
  return found == figures.end() ? std::numeric_limits<double>::quiet_NaN() : found->value;
}

RunContent read_content(const std::filesystem::path& file, std::int64_t run) {
  using RunTable = record::Table;
  const auto tables = record::run_tables();
  const std::vector<record::TableSchema> wanted{tables[RunTable::evaluation],    tables[RunTable::tensor_statistics],
                                                tables[RunTable::octave_errors], tables[RunTable::products],
                                                tables[RunTable::telemetry],     tables[RunTable::summary]};
  const std::vector<std::string> packed = record::read_rows(file, wanted);
  RunContent content;
  read_provenance(record::read_header(file), file.string(), content);
  add_evaluations(wanted[0], packed[0], run, content);
  add_tensors(Rows(wanted[1], packed[1]), run, content);
  add_octaves(Rows(wanted[2], packed[2]), run, content);
  add_products(Rows(wanted[3], packed[3]), Rows(wanted[4], packed[4]), run, content);
  content.figures = experiments::recorded_figures(Rows(wanted[5], packed[5]));
  return content;
}

}  // namespace precsim::study
