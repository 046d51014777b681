// precsim models, precsim plans
#include "sim/models/models.hpp"

#include <fmt/format.h>

#include "experiments/cli/table.hpp"
#include "experiments/commands/commands.hpp"
#include "formats/error.hpp"
#include "formats/grammar.hpp"

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

std::string layer_table(const nn::Network& network) {
  cli::Table table({{"layer", "", cli::Align::left},
                    {"kind", "", cli::Align::left},
                    {"output", "h x w x c"},
                    {"parameters"},
                    {"MACs", "per image"},
                    {"weights", "", cli::Align::left},
                    {"activations", "", cli::Align::left},
                    {"errors", "", cli::Align::left}});
  std::int64_t parameters = 0;
  std::int64_t macs = 0;
  for (const nn::Network::LayerRow& row : network.rows()) {
    parameters += row.parameters;
    macs += row.macs;
    const bool product = row.layer->traits().product;
    const auto format = [&](nn::Role role, nn::Pass pass) {
      return product ? row.layer->plan().of(role, pass).name() : std::string("-");
    };
    table.add_row({row.name, row.kind, fmt::format("{}x{}x{}", row.output.h, row.output.w, row.output.c),
                   fmt::format("{}", row.parameters), fmt::format("{}", row.macs),
                   format(nn::Role::weights, nn::Pass::forward), format(nn::Role::activations, nn::Pass::forward),
                   format(nn::Role::errors, nn::Pass::weight_gradient)});
  }
  table.add_row({"total", "", "", fmt::format("{}", parameters), fmt::format("{}", macs), "", "", ""});
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
