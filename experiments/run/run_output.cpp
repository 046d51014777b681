// The cases of what may be found at a run's output; see run_output.hpp.
#include "experiments/run/run_output.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "experiments/record/file_io.hpp"
#include "experiments/record/recovery.hpp"
#include "experiments/record/run_schema.hpp"
#include "experiments/run/run_identity.hpp"
#include "experiments/run/run_result.hpp"
#include "formats/error.hpp"

namespace precsim::experiments {
namespace {

namespace fs = std::filesystem;
using record::AttributeList;
using record::Record;

constexpr std::string_view remedy = "go on with what it was begun with, or start again with --overwrite";

/// Refuses what was written by another run; `found` is what identifies the run in `file`, a record or a checkpoint.
void check_same_run(const AttributeList& found, const AttributeList& ours, const fs::path& file) {
  const std::string why = identity_difference(found, ours, file.string());
  if (!why.empty()) {
    throw UserError(fmt::format("{} cannot be gone on with: {}; {}", file.string(), why, remedy));
  }
}

/// The rows of each table of the record that belong to the checkpoint.
std::vector<std::uint64_t> marked_rows(const Record& record, const checkpoint::Checkpoint& checkpoint,
                                       const fs::path& path) {
  const auto refuse = [&](const std::string& why) {
    throw UserError(
        fmt::format("the checkpoint {} does not continue {}: {}; both were left as they are, and "
                    "--overwrite starts again",
                    path.string(), record.file().string(), why));
  };
  if (checkpoint.record.id != record.id()) {
    refuse("it belongs to the record of another run");
  }
  std::vector<std::uint64_t> counts;
  for (std::size_t i = 0; i < record.tables().size(); ++i) {
    const std::string_view name = std::string_view(record.tables()[i].path).substr(1);
    const auto rows = std::ranges::find(checkpoint.record.rows, name, &checkpoint::RecordMark::Rows::table);
    if (rows == checkpoint.record.rows.end()) {
      refuse(fmt::format("it does not say how many rows of /{} belong to it", name));
    }
    if (rows->count > record.row_count(i)) {
      refuse(fmt::format("it counts on {} rows of /{}, but the record has {}", rows->count, name, record.row_count(i)));
    }
    counts.push_back(rows->count);
  }
  return counts;
}

/// This process's provenance, with what belongs to the run as a whole.
record::RecordHeader resumed_header(const record::RecordHeader& header, const AttributeList& earlier) {
  record::RecordHeader resumed = header;
  if (const record::AttributeValue* start = record::find_value(earlier, "start_time")) {
    record::set_value(resumed.provenance, "start_time", *start);
  }
  const record::AttributeValue* sessions = record::find_value(earlier, "sessions");
  const auto* count = sessions == nullptr ? nullptr : std::get_if<std::int64_t>(sessions);
  record::set_value(resumed.provenance, "sessions", count == nullptr ? std::int64_t{2} : *count + 1);
  return resumed;
}

/// Whether anything has this name; what cannot be found out is left to the opening of it.
bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(fs::symlink_status(path, error));
}

bool has_rows(const Record& record) {
  for (std::size_t i = 0; i < record.tables().size(); ++i) {
    if (record.row_count(i) != 0) return true;
  }
  return false;
}

bool has_ended(const Record& record) {
  const record::AttributeValue* outcome = record::find_value(record.header().run, "outcome");
  const auto* text = outcome == nullptr ? nullptr : std::get_if<std::string>(outcome);
  return text != nullptr && (*text == name(nn::Outcome::finished) || *text == name(nn::Outcome::diverged));
}

RunOutput resume(Record record, const record::RecordHeader& header, const fs::path& path) {
  check_same_run(record.header().run, header.run, record.file());
  RunOutput output{std::make_unique<Record>(std::move(record)), {}, false};
  if (has_ended(*output.record)) {
    output.ended = true;
    return output;
  }
  std::vector<std::uint64_t> rows(output.record->tables().size());
  if (is_there(path)) {
    output.from = checkpoint::read(path);
    check_same_run(output.from->run, header.run, path);
    rows = marked_rows(*output.record, *output.from, path);
  } else if (has_rows(*output.record)) {
    throw UserError(
        fmt::format("{} has no checkpoint {} to go on from; choose another output, or start again with --overwrite",
                    output.record->file().string(), path.string()));
  }
  for (const fs::path& saved : {path, checkpoint::best_path_for(output.record->file())}) {
    ::unlink(record::partial_path(saved).c_str());
  }
  output.record->roll_back(resumed_header(header, output.record->header().provenance), rows);
  return output;
}

/// A run that begins replaces record and checkpoints only if all are its to replace.
RunOutput begin(const fs::path& file, const record::RecordHeader& header, bool overwrite) {
  const std::array paths = {checkpoint::path_for(file), checkpoint::best_path_for(file)};
  for (const fs::path& path : paths) {
    const bool exists = is_there(path);
    if (exists && !overwrite) {
      record::recover(file);
      throw UserError(
          is_there(file)
              ? fmt::format("the output {} exists already, with the checkpoint {}; go on with --resume, choose "
                            "another name, or have both replaced with --overwrite",
                            file.string(), path.string())
              : fmt::format("the checkpoint {} of another run is in the place of the one of {}; choose another "
                            "name, or have it replaced with --overwrite",
                            path.string(), file.string()));
    }
    if (exists) {
      checkpoint::read(path);
    }
  }
  RunOutput output{std::make_unique<Record>(file, header, record::run_tables(), overwrite), {}, false};
  for (const fs::path& path : paths) {
    for (const fs::path& old : {path, record::partial_path(path)}) {
      ::unlink(old.c_str());
    }
  }
  return output;
}

}  // namespace

RunOutput open_output(const config::Config& config, const record::RecordHeader& header) {
  const fs::path file = record::resolve_output(config.text("run.out"));
  const fs::path path = checkpoint::path_for(file);
  if (config.boolean("run.resume")) {
    if (std::optional<Record> record = Record::reopen(file, record::run_tables())) {
      return resume(std::move(*record), header, path);
    }
    if (is_there(path)) {
      throw UserError(
          fmt::format("the record {} that the checkpoint {} continues is missing; put it back, or move the "
                      "checkpoint away to start again",
                      file.string(), path.string()));
    }
  }
  return begin(file, header, config.boolean("run.overwrite"));
}

}  // namespace precsim::experiments
