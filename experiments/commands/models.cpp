// precsim models, precsim plans
#include "sim/models/models.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "experiments/cli/table.hpp"
#include "experiments/commands/commands.hpp"
#include "formats/error.hpp"
#include "formats/grammar.hpp"
#include "sim/nn/named_plans.hpp"

namespace precsim::experiments {
namespace {

const std::vector<cli::Option> options{
    {.name = "image",
     .argument = "HxWxC",
     .meaning = "size of the images (default: those the network is usually given)"},
    {.name = "classes", .argument = "N", .meaning = "number of classes (default likewise)"},
    {.name = "plan", .argument = "NAME", .meaning = "precision plan to show (default dfp16)"},
    {.name = "set", .argument = "plan.KEY=VALUE", .meaning = "changes the plan", .repeatable = true}};

const cli::Command models_command{.name = "models",
                                  .summary = "Lists the networks; with a name, its layers under a precision plan.",
                                  .options = options,
                                  .positional = cli::Positional{"MODEL", "a network", 0, 1},
                                  .example = "precsim models lenet5 --plan dfp16_paper"};

const cli::Command plans_command{
    .name = "plans", .summary = "Lists the precision plans and their settings.", .example = "precsim plans"};

nn::Shape image_shape(const std::string& text) {
  std::int64_t size[3] = {};
  std::size_t at = 0;
  bool good = true;
  for (std::int64_t& s : size) {
    const std::size_t stop = std::min(text.find('x', at), text.size());
    good = good && at <= text.size() &&
           formats::parse_integer(text.substr(std::min(at, text.size()), stop - at), 1, 65536, s);
    at = stop + 1;
  }
  if (!good || at != text.size() + 1) {
    throw UserError(fmt::format("--image must be HxWxC with sizes from 1 to 65536, such as 28x28x1, not '{}'", text));
  }
  return {1, size[0], size[1], size[2]};
}

nn::PrecisionPlan plan_of(const cli::Arguments& arguments) {
  nn::PrecisionPlan plan(arguments.value("plan").value_or("dfp16"));
  for (const std::string& setting : arguments.values("set")) {
    const std::size_t equals = setting.find('=');
    if (setting.substr(0, 5) != "plan." || equals == std::string::npos) {
      throw UserError(fmt::format("--set takes plan.KEY=VALUE here, not '{}'", setting));
    }
    plan.set(setting.substr(5, equals - 5), setting.substr(equals + 1));
  }
  return plan;
}

/// The format of a role; where passes differ, those that differ from the first are named.
std::string format_of(const nn::Layer& layer, const nn::RoleEntry& role) {
  const bool saved = role.role == nn::Role::saved;
  if (saved ? !layer.traits().saves || !layer.plan().saves_separately : !layer.traits().product) {
    return "-";
  }
  std::string text;
  std::string first;
  for (const nn::Pass pass : kernels::passes) {
    const bool runs = pass != nn::Pass::input_gradient || layer.traits().input_gradient;
    if (role.operand && (!runs || !role.in_pass[static_cast<std::size_t>(pass)])) {
      continue;
    }
    const std::string name = layer.plan().of(role.role, pass).name();
    if (text.empty()) {
      text = first = name;
    } else if (name != first) {
      text += fmt::format(" ({} {})", kernels::name(pass), name);
    }
  }
  return text;
}

/// The operands' roles and all others that some layer does not leave at FP32.
std::vector<const nn::RoleEntry*> shown_roles(const std::vector<nn::Network::LayerRow>& rows) {
  std::vector<const nn::RoleEntry*> shown;
  for (const nn::RoleEntry& role : nn::roles()) {
    const auto differs = [&](const nn::Network::LayerRow& row) {
      const std::string format = format_of(*row.layer, role);
      return format != "-" && format != "fp32";
    };
    if (role.operand || std::any_of(rows.begin(), rows.end(), differs)) {
      shown.push_back(&role);
    }
  }
  return shown;
}

std::string layer_table(const nn::Network& network) {
  const std::vector<nn::Network::LayerRow> rows = network.rows();
  const std::vector<const nn::RoleEntry*> shown = shown_roles(rows);
  std::vector<cli::Column> columns{{"layer", "", cli::Align::left},
                                   {"kind", "", cli::Align::left},
                                   {"output", "h x w x c"},
                                   {"parameters"},
                                   {"MACs", "per image"}};
  for (const nn::RoleEntry* role : shown) {
    columns.push_back({std::string(role->name), "", cli::Align::left});
  }
  cli::Table table(columns);
  struct Sum {
    std::int64_t parameters = 0, macs = 0;
  } sums[2];
  for (const nn::Network::LayerRow& row : rows) {
    sums[row.training_only].parameters += row.parameters;
    sums[row.training_only].macs += row.macs;
    std::vector<std::string> cells{row.name, row.kind,
                                   fmt::format("{}x{}x{}", row.output.h, row.output.w, row.output.c),
                                   fmt::format("{}", row.parameters), fmt::format("{}", row.macs)};
    for (const nn::RoleEntry* role : shown) {
      cells.push_back(format_of(*row.layer, *role));
    }
    table.add_row(cells);
  }
  const auto add_sum = [&](std::string_view name, const Sum& sum) {
    std::vector<std::string> cells{std::string(name), "", "", fmt::format("{}", sum.parameters),
                                   fmt::format("{}", sum.macs)};
    cells.resize(columns.size());
    table.add_row(cells);
  };
  add_sum("total", sums[false]);
  if (sums[true].parameters > 0) {
    add_sum("more in training", sums[true]);
  }
  return table.text();
}

}  // namespace

cli::ExitCode run_models(std::span<const std::string> arguments, cli::Streams& streams) {
  if (cli::wants_help(arguments)) {
    streams.out << cli::help_text(models_command, "precsim");
    return cli::ExitCode::ok;
  }
  const cli::Arguments parsed = cli::parse_arguments(models_command, arguments);
  if (!parsed.positionals().empty()) {
    const models::ModelEntry& model = models::find_model(parsed.positionals()[0]);
    const std::int64_t classes = parsed.integer("classes", model.classes, 2, 1000000);
    const nn::Shape image = parsed.has("image") ? image_shape(*parsed.value("image")) : model.image;
    const nn::Network network(models::build_model(model.name, image, classes), plan_of(parsed), true);
    streams.out << layer_table(network);
    return cli::ExitCode::ok;
  }
  for (const std::string_view option : {"image", "classes", "plan", "set"}) {
    if (parsed.has(option)) {
      throw UserError(fmt::format("--{} needs a network: precsim models MODEL --{} ...", option, option));
    }
  }
  cli::Table table({{"model", "", cli::Align::left}, {"what it is", "", cli::Align::left}});
  for (const models::ModelEntry& model : models::models()) {
    table.add_row({std::string(model.name), std::string(model.summary)});
  }
  streams.out << table.text();
  return cli::ExitCode::ok;
}

cli::ExitCode run_plans(std::span<const std::string> arguments, cli::Streams& streams) {
  if (cli::wants_help(arguments)) {
    streams.out << cli::help_text(plans_command, "precsim");
    return cli::ExitCode::ok;
  }
  cli::parse_arguments(plans_command, arguments);
  std::string text;
  for (const nn::NamedPlan& plan : nn::named_plans()) {
    text += fmt::format("{}\n  {}; loss scaling: {}\n", plan.name, plan.summary, plan.loss_scale);
    std::string_view rest = plan.settings;
    while (!rest.empty()) {
      const std::size_t blank = std::min(rest.find(' '), rest.size());
      text += fmt::format("    plan.{}\n", rest.substr(0, blank));
      rest = rest.substr(std::min(blank + 1, rest.size()));
    }
  }
  text += "\nEverything not set is FP32; integer products accumulate in int32:chain=auto, others in fp32.\nRoles:\n";
  for (const nn::RoleEntry& role : nn::roles()) {
    text += fmt::format("  {:<18}{}\n", role.name, role.meaning);
  }
  streams.out << text;
  return cli::ExitCode::ok;
}

}  // namespace precsim::experiments
