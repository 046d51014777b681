// precsim analyze
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <set>

#include "experiments/analysis/results_file.hpp"
#include "experiments/cli/progress.hpp"
#include "experiments/commands/analyze_report.hpp"
#include "experiments/commands/commands.hpp"
#include "experiments/commands/output_file.hpp"
#include "experiments/commands/stop_signal.hpp"
#include "experiments/run/run_options.hpp"
#include "formats/error.hpp"
#include "formats/grammar.hpp"
#include "formats/version.hpp"
#include "formats/word_list.hpp"
#include "formats/words.hpp"
#include "precsim_version.hpp"

namespace precsim::experiments {
namespace {

namespace fs = std::filesystem;

const cli::Command command{
    .name = "analyze",
    .summary = "Tells what number formats do to the tensors of .npy, .npz, .safetensors and HDF5 files.",
    .options = {{.name = "formats",
                 .argument = "LIST",
                 .meaning = "FORMAT[@ROUNDING], blank-separated; repeatable (default: fp16 bf16 dfp16)",
                 .repeatable = true},
                {.name = "rounding",
                 .argument = "LIST",
                 .meaning = "roundings of the formats that name none, each with each, or all; repeatable (default: "
                            "nearest_even)",
                 .repeatable = true},
                {.name = "best",
                 .argument = "BITS",
                 .meaning =
                     "ranks formats by SQNR that take at most BITS bits per element of a tensor, shared exponents "
                     "included (a hundredth of a bit is let pass): those that 'precsim formats' lists, every eXmY, "
                     "dfpP by tensor, channel and blocks of 16 to 256"},
                {.name = "tensors",
                 .argument = "GLOB",
                 .meaning = "tensors whose names match, such as 'layer1.*'; repeatable (default: all)",
                 .repeatable = true},
                {.name = "out", .argument = "FILE.h5", .meaning = "writes every figure, see experiments/SCHEMA.md"},
                {.name = "blocks", .meaning = "with --out: also a row for each block of formats by channel or block=k"},
                {.name = "overwrite", .meaning = "replaces an existing FILE.h5"},
                {.name = "seed", .argument = "N", .meaning = "of stochastic roundings (default: 1)"},
                {.name = "threads", .argument = "N", .meaning = "threads; 0: one per core (default)"},
                {.name = "json", .meaning = "prints the result as JSON"},
                {.name = "quiet", .meaning = "no progress"}},
    .positional =
        cli::Positional{"FILE", "files; blocks lie along a tensor's last axis, channels are its first", 1, 100000},
    .example = "precsim analyze model.safetensors --formats \"fp16 bf16 dfp16:block=32@stochastic\" --out model.h5"};

constexpr std::string_view default_formats = "fp16 bf16 dfp16";

double parse_bits(const std::string& text) {
  double bits = 0;
  constexpr double least = 2, beyond = 0x1.0000000000001p5;  // 32 included
  if (!formats::parse_real(text, least, beyond, bits)) {
    throw UserError(fmt::format("--best takes a number of bits from 2 to 32, not {}", formats::quote(text)));
  }
  return bits;
}

std::vector<std::string> words_of(const std::vector<std::string>& lists) {
  std::vector<std::string> words;
  for (const std::string& list : lists) {
    const std::vector<std::string> more = formats::words(list);
    words.insert(words.end(), more.begin(), more.end());
  }
  return words;
}

std::vector<formats::Rounding> parse_roundings(const cli::Arguments& arguments) {
  std::vector<formats::Rounding> roundings;
  const auto add = [&](formats::Rounding rounding) {
    if (std::ranges::find(roundings, rounding) != roundings.end()) {
      throw UserError(fmt::format("--rounding names {} twice", formats::name(rounding)));
    }
    roundings.push_back(rounding);
  };
  formats::for_each_word(words_of(arguments.values("rounding")), [&](const std::string& word) {
    if (word != "all") {
      add(formats::parse_rounding(word));
      return;
    }
    for (const formats::RoundingEntry& row : formats::roundings()) {
      add({row.mode});
    }
  });
  if (roundings.empty()) {
    roundings.emplace_back();
  }
  return roundings;
}

std::vector<formats::Conversion> parse_formats(const cli::Arguments& arguments,
                                               const std::vector<formats::Rounding>& roundings) {
  std::vector<std::string> words = words_of(arguments.values("formats"));
  if (words.empty() && arguments.has("formats")) {
    throw UserError("--formats is empty; name formats such as \"fp16 dfp16:block=32\", or leave the option out");
  }
  if (words.empty() && !arguments.has("best")) {
    words = formats::words(default_formats);
  }
  std::vector<formats::Conversion> conversions;
  std::set<std::string> names;
  const auto add = [&](const formats::Conversion& conversion) {
    if (!names.insert(conversion.name()).second) {
      throw UserError(fmt::format("{} is asked for twice", conversion.name()));
    }
    conversions.push_back(conversion);
  };
  formats::for_each_word(words, [&](const std::string& word) {
    if (word.find('@') != std::string::npos) {
      add(formats::parse_conversion(word));
      return;
    }
    for (const formats::Rounding rounding : roundings) {
      add(formats::parse_conversion(word, rounding));
    }
  });
  return conversions;
}

AnalyzeReport parse_request(const cli::Arguments& arguments) {
  AnalyzeReport report;
  const std::vector<formats::Rounding> roundings = parse_roundings(arguments);
  report.options.conversions = parse_formats(arguments, roundings);
  if (const auto best = arguments.value("best")) {
    report.candidates.emplace(parse_bits(*best));
    report.options.candidates = [candidates = *report.candidates, roundings](std::span<const std::int64_t> shape) {
      std::vector<formats::Conversion> conversions;
      for (const formats::FormatPtr& format : candidates.of(shape)) {
        for (const formats::Rounding rounding : roundings) {
          conversions.push_back({format, rounding});
        }
      }
      return conversions;
    };
  }
  report.options.seed =
      static_cast<std::uint32_t>(arguments.integer("seed", 1, 0, std::numeric_limits<std::uint32_t>::max()));
  return report;
}

std::unique_ptr<tensor_files::TensorFile> open_file(const std::string& file, bool globs_given) {
  std::error_code error;
  if (globs_given && !fs::exists(file, error)) {
    throw UserError(
        fmt::format("cannot open {}: there is no such file; --tensors takes one glob and may be repeated, "
                    "as in --tensors A --tensors B",
                    formats::quote(file)));
  }
  return tensor_files::open_tensor_file(file);
}

/// Opens the files and chooses their tensors; a glob that matches nothing anywhere is an error.
std::vector<analysis::AnalysisInput> open_inputs(const cli::Arguments& arguments, AnalyzeReport& report) {
  std::vector<std::string> globs = arguments.values("tensors");
  if (globs.empty()) {
    globs.emplace_back("*");
  }
  std::vector<analysis::AnalysisInput> inputs;
  std::set<std::string> matching;
  for (const std::string& file : arguments.positionals()) {
    inputs.push_back({file, open_file(file, arguments.has("tensors")), {}});
    analysis::AnalysisInput& input = inputs.back();
    std::set<std::size_t> wanted;
    for (const std::string& glob : globs) {
      const std::vector<std::size_t> found = tensor_files::matching_tensors(*input.tensors, glob);
      wanted.insert(found.begin(), found.end());
      if (!found.empty()) {
        matching.insert(glob);
      }
    }
    for (const std::size_t index : wanted) {
      const tensor_files::TensorEntry& entry = input.tensors->tensors()[index];
      if (entry.type == tensor_files::ElementType::other) {
        report.unreadable.push_back(fmt::format("{} ({})", entry.name, entry.type_text));
      } else {
        input.wanted.push_back(index);
      }
    }
  }
  for (const std::string& glob : globs) {
    if (!matching.contains(glob) && arguments.has("tensors")) {
      const auto& entries = inputs.front().tensors->tensors();
      throw UserError(fmt::format("--tensors {}: no tensor has such a name; {} {}", formats::quote(glob),
                                  inputs.front().file,
                                  entries.empty() ? "has none" : fmt::format("begins with {}", entries.front().name)));
    }
  }
  const bool readable = std::ranges::any_of(inputs, [](const auto& input) { return !input.wanted.empty(); });
  if (!readable) {
    const std::string& file = inputs.front().file;
    throw UserError(report.unreadable.empty()
                        ? fmt::format("{} holds no tensor", file)
                        : fmt::format("none of the tensors asked for is of a float type; the first, in {}, is {}", file,
                                      report.unreadable.front()));
  }
  return inputs;
}

record::RecordHeader header_of(const cli::Arguments& arguments, const AnalyzeReport& report) {
  std::vector<std::string> names;
  for (const formats::Conversion& conversion : report.options.conversions) {
    names.push_back(conversion.name());
  }
  record::RecordHeader header;
  header.run = {{"program", std::string("precsim")},
                {"numerics_version", std::int64_t{formats::numerics_version}},
                {"formats", fmt::format("{}", fmt::join(names, " "))},
                {"best_bits", report.candidates ? report.candidates->bits() : 0},
                {"seed", std::int64_t{report.options.seed}}};
  header.provenance = {{"version", std::string(version)},
                       {"compiler", std::string(compiler)},
                       {"time", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)))},
                       {"threads", std::int64_t{report.options.threads}},
                       {"paths", fmt::format("{}", fmt::join(arguments.positionals(), " "))}};
  return header;
}

cli::ProgressOptions progress_options(const cli::Arguments& arguments, const cli::Streams& streams) {
  cli::ProgressOptions options;
  options.mode = cli::progress_mode("auto", arguments.has("quiet"), streams.err_terminal);
  options.width = streams.err_terminal.width;
  options.label = "analyze";
  options.unit = "MB";
  return options;
}

}  // namespace

cli::ExitCode run_analyze(std::span<const std::string> arguments, cli::Streams& streams) {
  if (cli::wants_help(arguments)) {
    streams.out << cli::help_text(command, "precsim");
    return cli::ExitCode::ok;
  }
  const cli::Arguments parsed = cli::parse_arguments(command, arguments);
  for (const std::string_view needs_out : {"blocks", "overwrite"}) {
    if (parsed.has(needs_out) && !parsed.has("out")) {
      throw UserError(fmt::format("--{} has no effect without --out FILE.h5", needs_out));
    }
  }
  AnalyzeReport report = parse_request(parsed);
  report.options.threads = set_threads(parsed.integer("threads", 0, 0, 1024));
  std::vector<analysis::AnalysisInput> inputs = open_inputs(parsed, report);
  std::optional<analysis::ResultsFile> file;
  if (const auto out = parsed.value("out")) {
    const fs::path output = record::resolve_output(*out);
    check_output_file("--out", output.string(), parsed.positionals(), parsed.has("overwrite"));
    file.emplace(output, report.options, parsed.has("blocks"), analysis::text_lengths(inputs, report.options));
  }
  cli::Progress progress(streams.err, progress_options(parsed, streams));
  follow_stop_signals();
  analysis::AnalysisHooks hooks;
  constexpr std::uint64_t megabyte = 1000000;
  hooks.progress = [&](std::uint64_t done, std::uint64_t total) {
    progress.update(done / megabyte, total / megabyte);
    return !stop_requested();
  };
  hooks.tensor = [&](analysis::TensorResult&& result) {
    if (file) {
      file->add(result);
    }
    report.results.push_back(std::move(result));
  };
  if (parsed.has("blocks")) {
    hooks.blocks = [&](std::size_t conversion, std::span<const analysis::BlockErrors> blocks) {
      file->add_blocks(conversion, blocks);
    };
  }
  const bool whole = analysis::analyze(inputs, report.options, hooks);
  progress.finish();
  const std::string_view outcome = whole ? "finished" : "interrupted";
  streams.out << (parsed.has("json") ? cli::json_text(analyze_json(report, outcome)) : analyze_text(report));
  if (file) {
    file->write(header_of(parsed, report), outcome);
  }
  if (!whole) {
    streams.err << "precsim: interrupted; the tensors that were finished are reported\n";
    return cli::ExitCode::interrupted;
  }
  return cli::ExitCode::ok;
}

}  // namespace precsim::experiments
