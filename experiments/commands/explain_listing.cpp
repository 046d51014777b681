// Listing what can be explained.
#include "experiments/commands/explain_listing.hpp"

#include <fmt/format.h>

#include "experiments/cli/table.hpp"
#include "experiments/commands/explain_index.hpp"

namespace precsim::experiments {
namespace {

using explain::ProductRecord;
using explain::RecordedRun;
using kernels::Pass;

std::string sizes_text(const kernels::ConvShape& shape, Pass pass) {
  const std::array<std::int64_t, 4> sizes = result_sizes(shape, pass);
  const std::array<std::string_view, 4> names = index_names(pass);
  std::string text;
  for (std::size_t i = 0; i < 4; ++i) {
    if (i == 0 || i == 3 || sizes[1] * sizes[2] != 1) {
      text += fmt::format("{}{} 0 to {}", text.empty() ? "" : ", ", names[i], sizes[i] - 1);
    }
  }
  return text;
}

bool agrees(const ProductRecord& row, const ProductChoice& choice) {
  return (!choice.layer || row.layer == *choice.layer) && (!choice.pass || row.pass == kernels::name(*choice.pass)) &&
         (!choice.step || row.step == *choice.step);
}

/// Calls visit(layer, pass) for every product that agrees.
template <class Visit>
void for_products(const RecordedRun& run, const ProductChoice& choice, Visit visit) {
  for (const nn::Network::ProductRow& layer : run.layers()) {
    for (const Pass pass : kernels::passes) {
      const bool there = pass != Pass::input_gradient || layer.layer->traits().input_gradient;
      if (there && (!choice.layer || layer.layer->name() == *choice.layer) && (!choice.pass || pass == *choice.pass)) {
        visit(layer, pass);
      }
    }
  }
}

std::string first_text(const RecordedRun& run, const ProductRecord& row) {
  for (const Pass pass : kernels::passes) {
    if (kernels::name(pass) == row.pass && row.first_output >= 0) {
      return fmt::format("{} at k = {}", index_text(run.layer(row.layer).shape, pass, row.first_output), row.first_k);
    }
  }
  return "";
}

bool has_lanes(const ProductRecord& row) {
  return row.operands == "integer";
}

std::string recorded_text(const RecordedRun& run, const ProductChoice& choice) {
  constexpr std::size_t most = 60;
  cli::Table table({{"step"},
                    {"layer", "", cli::Align::left},
                    {"pass", "", cli::Align::left},
                    {"chains of"},
                    {"proved", "", cli::Align::left},
                    {"overflow events"},
                    {"outputs"},
                    {"the first", "", cli::Align::left}});
  std::size_t rows = 0;
  for (const ProductRecord& row : run.products()) {
    if (!agrees(row, choice) || ++rows > most) {
      continue;
    }
    const bool counted = row.measured && has_lanes(row);
    table.add_row({fmt::to_string(row.step), row.layer, row.pass,
                   !has_lanes(row)                           ? row.operands
                   : row.chain_length == arith::chain_to_end ? "inf"
                                                             : fmt::to_string(row.chain_length),
                   !has_lanes(row) ? ""
                   : row.proved    ? "yes"
                                   : "no",
                   counted ? fmt::to_string(row.overflow_events) : "-",
                   counted ? fmt::to_string(row.overflow_outputs) : "-", first_text(run, row)});
  }
  if (rows == 0) {
    return "the record has no rows of these products at that step; every other step can be explained as well\n";
  }
  return table.text() +
         (rows > most ? fmt::format("and {} rows more; --layer, --pass and --step choose\n", rows - most) : "");
}

}  // namespace

std::string listing_text(const RecordedRun& run, const ProductChoice& choice) {
  cli::Table table(
      {{"layer", "", cli::Align::left}, {"pass", "", cli::Align::left}, {"--index", "", cli::Align::left}});
  for_products(run, choice, [&](const nn::Network::ProductRow& layer, Pass pass) {
    table.add_row({layer.layer->name(), std::string(kernels::name(pass)), sizes_text(layer.shape, pass)});
  });
  return fmt::format(
      "{}\n{}\nprecsim explain {} --layer L --pass P --step S and --index I or --first-overflow explains "
      "one output; steps are 0 to {}\n",
      table.text(), recorded_text(run, choice), run.file().string(), run.total_steps() - 1);
}

std::string listing_json(const RecordedRun& run, const ProductChoice& choice) {
  cli::Json products = cli::Json::array();
  for_products(run, choice, [&](const nn::Network::ProductRow& layer, Pass pass) {
    products.push_back({{"layer", layer.layer->name()},
                        {"pass", kernels::name(pass)},
                        {"index_names", index_names(pass)},
                        {"index_sizes", result_sizes(layer.shape, pass)}});
  });
  cli::Json recorded = cli::Json::array();
  for (const ProductRecord& row : run.products()) {
    if (!agrees(row, choice)) {
      continue;
    }
    cli::Json json{{"step", row.step}, {"layer", row.layer}, {"pass", row.pass}, {"operands", row.operands}};
    if (has_lanes(row)) {
      json["chain_length"] = row.chain_length;
      json["proved"] = row.proved;
    }
    if (row.measured && has_lanes(row)) {
      json["overflow_events"] = row.overflow_events;
      json["overflow_outputs"] = row.overflow_outputs;
      json["first_output"] = row.first_output;
      json["first_k"] = row.first_k;
    }
    recorded.push_back(json);
  }
  return cli::json_text({{"steps", run.total_steps()}, {"products", products}, {"recorded", recorded}});
}

}  // namespace precsim::experiments
