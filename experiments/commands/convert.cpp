// precsim convert
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>

#include "experiments/cli/progress.hpp"
#include "experiments/cli/table.hpp"
#include "experiments/commands/commands.hpp"
#include "experiments/commands/output_file.hpp"
#include "experiments/commands/stop_signal.hpp"
#include "experiments/conversion/code_output.hpp"
#include "experiments/conversion/tensor_converter.hpp"
#include "experiments/tensor_files/tensor_file.hpp"
#include "experiments/tensor_files/tensor_writer.hpp"
#include "formats/error.hpp"
#include "formats/words.hpp"

namespace precsim::experiments {
namespace {

using conversion::CodeOutput;
using tensor_files::StorageType;
using tensor_files::TensorEntry;

const cli::Command command{
    .name = "convert",
    .summary = "Converts the tensors of a file to a number format; writes values as float32, or codes.",
    .options = {{.name = "to",
                 .argument = "FORMAT",
                 .meaning = "the format, such as dfp16; blocks (block=k) lie along the last axis, channels along the "
                            "first"},
                {.name = "rounding",
                 .argument = "ROUNDING",
                 .meaning = "how to round (default: nearest_even); random bits depend on the seed, the tensor's name "
                            "and the element's index"},
                {.name = "codes",
                 .meaning = "write integer codes, and one exponent a block as NAME.exponents: the values are code * "
                            "2^exponent; of floats their bit patterns; of MX formats those of the elements, and "
                            "NAME.scales (E8M0: the scale is 2^(code - 127))"},
                {.name = "seed", .argument = "N", .meaning = "seed of stochastic rounding (default: 1)"},
                {.name = "tensors", .argument = "GLOB", .meaning = "only tensors of matching names (* ? [..])"},
                {.name = "overwrite", .meaning = "replaces an existing output"},
                {.name = "json", .meaning = "print JSON"}},
    .positional =
        cli::Positional{"FILE", "the file to read and the one to write: .npy, .npz, .safetensors or .h5", 2, 2},
    .example = "precsim convert model.safetensors model8.npz --to dfp8:channel --codes"};

/// Ctrl-C: the partial output is removed on the way out.
class Stopped {};

struct Task {
  formats::Conversion to;
  std::uint32_t seed = 1;
  std::optional<CodeOutput> codes;
};

/// One tensor: where it comes from, where it goes.
struct Item {
  std::size_t source = 0;
  std::size_t target = 0;  ///< its exponents are the next one
  formats::ConversionCounts counts = {};
};

std::vector<Item> choose(const tensor_files::TensorFile& file, const std::string& path, const std::string& glob,
                         std::vector<std::string>& left_out) {
  std::vector<Item> items;
  for (const std::size_t i : tensor_files::matching_tensors(file, glob)) {
    const TensorEntry& entry = file.tensors()[i];
    if (entry.type == tensor_files::ElementType::other) {
      left_out.push_back(fmt::format("{} ({})", formats::quote(entry.name), entry.type_text));
    } else {
      items.push_back({i});
    }
  }
  if (!items.empty()) return items;
  std::vector<std::string> names;
  for (const TensorEntry& entry : file.tensors()) names.push_back(formats::quote(entry.name));
  constexpr std::size_t most_names = 8;
  const std::string dots = names.size() > most_names ? ", ..." : "";
  names.resize(std::min(names.size(), most_names));
  throw UserError(fmt::format("{} has no tensor of a float type whose name matches {}; it has {}{}", path,
                              formats::quote(glob), names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")),
                              dots));
}

std::vector<tensor_files::TensorSpec> specify(const tensor_files::TensorFile& file, const Task& task,
                                              std::vector<Item>& items) {
  std::set<std::string> names;
  for (const Item& item : items) {
    names.insert(file.tensors()[item.source].name);
  }
  std::vector<tensor_files::TensorSpec> specs;
  for (Item& item : items) {
    const TensorEntry& entry = file.tensors()[item.source];
    item.target = specs.size();
    specs.push_back({entry.name, entry.shape, task.codes ? task.codes->type() : StorageType::float32});
    if (task.codes && task.codes->has_exponents()) {
      const tensor_files::BlockGrid blocks(entry.shape, task.to.format->blocking());
      const std::string name = entry.name + std::string(task.codes->exponents_suffix());
      if (names.contains(name)) {
        throw UserError(
            fmt::format("the exponents of {} would have the name of another tensor, {}; leave one out with "
                        "--tensors",
                        formats::quote(entry.name), formats::quote(name)));
      }
      specs.push_back({name, blocks.exponents_shape(), task.codes->exponents_type()});
    }
  }
  return specs;
}

/// What is on its way to one tensor of the output.
class PendingBytes {
 public:
  PendingBytes(tensor_files::TensorWriter& writer, std::size_t target) : writer_(writer), target_(target) {}

  void add(std::span<const std::byte> more) {
    constexpr std::size_t enough = std::size_t{1} << 20;
    bytes_.insert(bytes_.end(), more.begin(), more.end());
    if (bytes_.size() >= enough) flush();
  }
  void flush() {
    if (!bytes_.empty()) writer_.write(target_, bytes_);
    bytes_.clear();
  }

 private:
  tensor_files::TensorWriter& writer_;
  std::size_t target_;
  std::vector<std::byte> bytes_;
};

void convert_item(tensor_files::TensorFile& file, Task& task, Item& item, tensor_files::TensorWriter& writer,
                  const std::function<void(std::uint64_t)>& progress) {
  PendingBytes elements(writer, item.target);
  PendingBytes exponents(writer, item.target + 1);
  conversion::ConverterHooks hooks;
  hooks.piece = [&](const conversion::Converted& piece) {
    elements.add(task.codes ? task.codes->encode(piece) : std::as_bytes(piece.values));
  };
  if (task.codes && task.codes->has_exponents()) {
    hooks.exponents = [&](std::span<const std::int16_t> more) { exponents.add(task.codes->encode_exponents(more)); };
  }
  hooks.progress = progress;
  item.counts = conversion::convert_tensor(file, item.source, task.to, task.seed, hooks);
  elements.flush();
  exponents.flush();
}

/// False when it was asked to stop.
bool convert_items(tensor_files::TensorFile& file, Task& task, std::span<Item> items,
                   tensor_files::TensorWriter& writer, cli::Streams& streams) {
  cli::ProgressOptions options;
  options.mode = cli::progress_mode("auto", false, streams.err_terminal);
  options.width = streams.err_terminal.width;
  options.label = "convert";
  options.unit = "elements";
  cli::Progress progress(streams.err, options);
  follow_stop_signals();
  std::uint64_t done = 0;
  std::uint64_t total = 0;
  for (const Item& item : items) total += conversion::elements_read(file.tensors()[item.source], task.to);
  try {
    for (Item& item : items) {
      convert_item(file, task, item, writer, [&](std::uint64_t elements) {
        if (stop_requested()) throw Stopped();
        progress.update(done += elements, total);
      });
    }
  } catch (const Stopped&) {
    return false;
  }
  return true;
}

Task parse_task(const cli::Arguments& parsed, const std::string& output) {
  if (!parsed.has("to")) throw UserError("convert needs --to FORMAT, such as --to dfp16 (precsim formats lists them)");
  Task task;
  const std::string to = *parsed.value("to");
  const auto rounding = parsed.value("rounding");
  if (rounding && to.find('@') != std::string::npos) {
    throw UserError(fmt::format("--to {} has a rounding already; leave out --rounding {}", to, *rounding));
  }
  task.to = formats::parse_conversion(to, rounding ? formats::parse_rounding(*rounding) : formats::Rounding{});
  task.seed = static_cast<std::uint32_t>(parsed.integer("seed", 1, 0, std::numeric_limits<std::uint32_t>::max()));
  const tensor_files::Container container = tensor_files::container_of(output);
  if (parsed.has("codes")) task.codes.emplace(*task.to.format, container);
  return task;
}

void report(const tensor_files::TensorFile& file, const Task& task, std::span<const Item> items,
            std::span<const std::string> left_out, const std::string& output, bool json, cli::Streams& streams) {
  cli::Json list = cli::Json::array();
  std::int64_t elements = 0;
  std::uint64_t saturated = 0;
  for (const Item& item : items) {
    const TensorEntry& entry = file.tensors()[item.source];
    elements += entry.size();
    saturated += item.counts.saturated;
    list.push_back({{"name", entry.name},
                    {"type", entry.type_text},
                    {"shape", entry.shape},
                    {"saturated", item.counts.saturated}});
  }
  if (json) {
    streams.out << cli::json_text({{"output", output},
                                   {"format", task.to.name()},
                                   {"codes", task.codes.has_value()},
                                   {"seed", task.seed},
                                   {"tensors", list},
                                   {"left_out", left_out}});
    return;
  }
  streams.out << fmt::format("{}: {} {} as {}{}, {} elements, {} saturated\n", output, items.size(),
                             items.size() == 1 ? "tensor" : "tensors", task.codes ? "codes of " : "", task.to.name(),
                             elements, saturated);
  if (!left_out.empty()) streams.out << fmt::format("left out: {}\n", fmt::join(left_out, ", "));
}

}  // namespace

cli::ExitCode run_convert(std::span<const std::string> arguments, cli::Streams& streams) {
  if (cli::wants_help(arguments)) {
    streams.out << cli::help_text(command, "precsim");
    return cli::ExitCode::ok;
  }
  const cli::Arguments parsed = cli::parse_arguments(command, arguments);
  const std::string& input = parsed.positionals()[0];
  const std::string& output = parsed.positionals()[1];
  Task task = parse_task(parsed, output);
  const auto file = tensor_files::open_tensor_file(input);
  std::vector<std::string> left_out;
  std::vector<Item> items = choose(*file, input, parsed.value("tensors").value_or("*"), left_out);
  const std::vector<tensor_files::TensorSpec> specs = specify(*file, task, items);
  check_output_file("", output, {&input, 1}, parsed.has("overwrite"));
  tensor_files::TensorWriter writer(output, specs);

  if (!convert_items(*file, task, items, writer, streams)) return cli::ExitCode::interrupted;
  writer.commit();
  report(*file, task, items, left_out, output, parsed.has("json"), streams);
  return cli::ExitCode::ok;
}

}  // namespace precsim::experiments
