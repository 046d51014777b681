// States and locks of run folders.
#include "experiments/study/folder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>
#include <system_error>
#include <utility>

#include "experiments/record/run_file.hpp"
#include "experiments/record/run_schema.hpp"
#include "experiments/record/seal.hpp"
#include "experiments/run/run_result.hpp"
#include "experiments/study/manifest.hpp"
#include "formats/error.hpp"

namespace precsim::study {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 5> state_names = {"waiting", "unfinished", "finished", "diverged", "failed"};
constexpr std::size_t longest_message = 64 << 10;

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(fs::symlink_status(path, error));
}

std::string data_section(std::string_view configuration) {
  const std::size_t begin = std::min(configuration.find("[data]"), configuration.size());
  return std::string(configuration.substr(begin, configuration.find("\n\n", begin) - begin));
}

/// What the record says of an ended run; `unfinished` for one that has not ended.
Status damaged(std::string_view why) {
  Status status;
  status.state = State::failed;
  status.is_damaged = true;
  status.message = fmt::format("{}; move its folder away, and the study will run it again", why);
  return status;
}

Status recorded_status(const fs::path& file) {
  record::RecordHeader header;
  try {
    header = record::read_header(file);
  } catch (const UserError& error) {
    return damaged(error.what());
  }
  const std::string source = file.string();
  Status status;
  status.state = State::unfinished;
  status.engine = record::value_of<std::string>(header.provenance, "engine", source);
  const record::AttributeValue* outcome = record::find_value(header.run, "outcome");
  const auto* text = outcome == nullptr ? nullptr : std::get_if<std::string>(outcome);
  for (const State state : {State::finished, State::diverged}) {
    if (text != nullptr && *text == name(state)) status.state = state;
  }
  if (!has_ended(status.state)) return status;
  const auto version = record::value_of<std::int64_t>(header.run, "schema_version", source);
  if (version != record::schema_version) {
    throw UserError(
        fmt::format("{} was written in schema version {}, but this program writes version {}; give the "
                    "study another --out",
                    source, version, record::schema_version));
  }
  if (!record::check_seal(file)) {
    return damaged(fmt::format("{} was changed by another program since it was written", source));
  }
  const auto text_of = [&](std::string_view name) { return record::value_of<std::string>(header.run, name, source); };
  status.message = text_of("outcome_message");
  status.data = data_section(text_of("configuration"));
  status.data_checksums = text_of("data_checksum_train") + " " + text_of("data_checksum_test");
  return status;
}

record::FileDescriptor open_lock(const fs::path& file, int flags) {
  return record::FileDescriptor(::open(file.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags, 0666));
}

bool flock(int descriptor, int operation, const fs::path& file) {
  while (::flock(descriptor, operation) != 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) record::throw_io_error("lock", file, errno);
  }
  return true;
}

}  // namespace

bool is_hash(std::string_view text) {
  return text.size() == 16 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

RunFolder run_folder(const fs::path& study, const std::string& hash) {
  return {study / "runs" / hash};
}

fs::path gathered_file(const fs::path& study) {
  return study / "study.h5";
}

std::string_view name(State state) {
  return state_names[static_cast<std::size_t>(state)];
}

Status status_of(const RunFolder& folder) {
  Status status;
  if (is_there(folder.record())) {
    status = recorded_status(folder.record());
  } else if (is_there(folder.record().string() + ".journal")) {
    status.state = State::unfinished;
  }
  if (!has_ended(status.state) && !status.is_damaged && is_there(folder.failure())) {
    status.state = State::failed;
    status.message = read_text(folder.failure(), longest_message);
    std::ranges::replace_if(
        status.message, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  }
  return status;
}

std::optional<Lock> Lock::take(const fs::path& file) {
  Lock lock(open_lock(file, O_CREAT));
  if (lock.descriptor() < 0) record::throw_io_error("create", file, errno);
  return flock(lock.descriptor(), LOCK_EX | LOCK_NB, file) ? std::optional(std::move(lock)) : std::nullopt;
}

Lock Lock::wait(const fs::path& file) {
  Lock lock(open_lock(file, O_CREAT));
  if (lock.descriptor() < 0) record::throw_io_error("create", file, errno);
  flock(lock.descriptor(), LOCK_EX, file);
  return lock;
}

bool Lock::is_taken(const fs::path& file) {
  const record::FileDescriptor descriptor = open_lock(file, 0);
  return descriptor.get() >= 0 && !flock(descriptor.get(), LOCK_SH | LOCK_NB, file);
}

void make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (!fs::is_directory(path)) {
    throw UserError(fmt::format("cannot make the folder {}: {}", path.string(),
                                error ? error.message() : "a file of that name is in the way"));
  }
}

std::string read_text(const fs::path& file, std::size_t most) {
  const record::FileDescriptor descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (descriptor.get() < 0 && errno == ENOENT) return {};
  if (descriptor.get() < 0) record::throw_io_error("read", file, errno);
  std::string text = record::read_at(descriptor.get(), 0, most + 1, file);
  if (text.size() > most)
    throw UserError(fmt::format("{} is longer than the {} bytes it may have", file.string(), most));
  return text;
}

std::vector<std::string> left_over(const fs::path& study, const Outline& outline) {
  std::set<std::string> known;
  for (const PlannedRun& run : outline.runs) known.insert(run.hash);
  std::vector<std::string> names;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(study / "runs", error)) {
    const std::string hash = entry.path().filename().string();
    if (!is_hash(hash) || known.contains(hash)) continue;
    const RunFolder folder{entry.path()};
    try {
      if (has_ended(status_of(folder).state)) names.push_back(name_in_manifest(folder.manifest()));
    } catch (const UserError&) {
      continue;  // no run of this study either way
    }
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace precsim::study
