// Tests of the record against the world: files that are not its own, full disks, other writers, kills at any moment.
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <array>
#include <chrono>
#include <csignal>
#include <optional>
#include <thread>

#include "experiments/record/file_io.hpp"
#include "formats/random_bits.hpp"
#include "tests/experiments/record_support.hpp"

namespace precsim::record {
namespace {

TEST_F(RecordTest, FileThatIsNoRecordIsNeverReplaced) {
  spill(file, "a thesis");
  EXPECT_SAYS(user_error([&] { start(false); }), "exists already");
  EXPECT_SAYS(user_error([&] { start(true); }), file.string());
  const hid_t foreign = H5Fcreate((folder / "foreign.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  H5Fclose(foreign);
  EXPECT_SAYS(user_error([&] { Record(folder / "foreign.h5", small_header(), small_tables, true); }), "/provenance");
  EXPECT_EQ(slurp(file), "a thesis");
  EXPECT_EQ(names_in_folder(), (Names{"foreign.h5", "run.h5"}));
}

TEST_F(RecordTest, DamagedRecordUnderAJournalIsRefusedAndKept) {
  die_after(3, 5);
  const std::string entries = slurp(journal);
  const std::string run = slurp(file);
  std::string flipped = run;
  flipped[run.size() / 2] = static_cast<char>(flipped[run.size() / 2] ^ 1);
  for (const std::string& damaged : {run.substr(0, run.size() / 2), flipped, std::string()}) {
    spill(file, damaged);
    EXPECT_SAYS(user_error([&] { recover(file); }), file.string());
    EXPECT_SAYS(user_error([&] { start(true); }), file.string());
    EXPECT_EQ(slurp(file), damaged);
    EXPECT_EQ(slurp(journal), entries);
  }
}

TEST_F(RecordTest, SecondWriterIsRefused) {
  Record record = start();
  append_step(record, 0);
  for (const bool overwrite : {false, true}) EXPECT_SAYS(user_error([&] { start(overwrite); }), "another process");
  EXPECT_SAYS(user_error([&] { recover(file); }), "another process");
  append_step(record, 1);
  record.close();
  EXPECT_EQ(steps_in(file), up_to(2));
}

TEST_F(RecordTest, FolderDeviceAndEmptyNameAreRefused) {
  const auto create = [](const fs::path& path) {
    return user_error([&] { Record(path, small_header(), small_tables, true); });
  };
  EXPECT_SAYS(create(folder), "is a folder");
  EXPECT_SAYS(create(folder / ""), "is a folder");
  EXPECT_SAYS(create("/dev/full"), "not a regular file");
  EXPECT_SAYS(create(""), "empty name");
  EXPECT_SAYS(create(folder / "none" / "run.h5"), "No such file or directory");
  EXPECT_EQ(names_in_folder(), Names{});
}

TEST_F(RecordTest, SymbolicLinkSurvives) {
  const fs::path real = folder / "far" / "real.h5";
  fs::create_directory(folder / "far");
  Record(real, small_header(), small_tables, false).close();
  fs::create_symlink(real, file);
  Record record = start(true);
  append_step(record, 0);
  record.close();
  EXPECT_TRUE(fs::is_symlink(file));
  EXPECT_EQ(steps_in(real), up_to(1));
}

TEST_F(RecordTest, UnwritableFolderIsNamed) {
  fs::permissions(folder,
                  fs::perms::owner_read | fs::perms::owner_exec | fs::perms::others_read | fs::perms::others_exec);
  const bool root = ::geteuid() == 0;
  ASSERT_EQ(root ? ::seteuid(65534) : 0, 0);
  const std::string error = user_error([&] { start(); });
  ASSERT_EQ(root ? ::seteuid(0) : 0, 0);
  fs::permissions(folder, fs::perms::owner_all);
  EXPECT_SAYS(error, file.string());
  EXPECT_SAYS(error, "Permission denied");
  EXPECT_EQ(names_in_folder(), Names{});
}

TEST_F(RecordTest, FullDeviceIsNamed) {
  const FileDescriptor full(::open("/dev/full", O_WRONLY));
  ASSERT_GE(full.get(), 0);
  const std::string error = user_error([&] { write_all(full.get(), "bytes", "/dev/full"); });
  EXPECT_SAYS(error, "/dev/full");
  EXPECT_SAYS(error, "No space left on device");
}

/// While it lives no file may grow beyond `bytes`; writes fail with EFBIG, as they do with ENOSPC on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit = {bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_ = {};
  void (*handler_)(int) = nullptr;
};

TEST_F(RecordTest, FullDiskAtTheStartLeavesNothingBehind) {
  const FileSizeLimit limit(100);
  const std::string error = user_error([&] { start(); });
  EXPECT_SAYS(error, file.string());
  EXPECT_SAYS(error, "File too large");
  EXPECT_EQ(names_in_folder(), Names{});
}

TEST_F(RecordTest, FullDiskAtAnAppendLosesOnlyThatRow) {
  Record record = start();
  append_step(record, 0);
  const auto size = fs::file_size(journal);
  {
    const FileSizeLimit limit(size + 10);
    EXPECT_SAYS(user_error([&] { append_step(record, 1); }), journal.string());
  }
  EXPECT_EQ(fs::file_size(journal), size + 10);
  append_step(record, 1);
  {
    const FileSizeLimit limit(fs::file_size(journal) + 10);
    EXPECT_SAYS(user_error([&] { append_step(record, 2); }), "File too large");
  }
  { const Record abandoned = std::move(record); }
  const Recovery recovery = recover(file);
  EXPECT_EQ(recovery.rows, 2u);
  EXPECT_EQ(recovery.discarded_bytes, 10u);
  EXPECT_EQ(steps_in(file), up_to(2));
}

TEST_F(RecordTest, FullDiskAtAFlushKeepsTheLastFileAndTheRecordGoesOn) {
  Record record = start();
  append_step(record, 0);
  record.flush();
  append_step(record, 1);
  {
    const FileSizeLimit limit(1000);
    for (int attempt = 0; attempt < 2; ++attempt) {
      EXPECT_SAYS(user_error([&] { record.flush(); }), file.string());
      EXPECT_EQ(steps_in(file), up_to(1));
      EXPECT_EQ(names_in_folder(), (Names{"run.h5", "run.h5.journal"}));
    }
  }
  append_step(record, 2);
  record.close();
  EXPECT_EQ(steps_in(file), up_to(3));
}

TEST_F(RecordTest, LeftTemporaryFileIsCleanedUp) {
  die_after(0, 1);
  spill(folder / "run.h5.partial", "half a file");
  recover(file);
  EXPECT_EQ(names_in_folder(), Names{"run.h5"});
}

TEST_F(RecordTest, RowsMustFitTheirTable) {
  Record record = start();
  EXPECT_SAYS(user_error([&] { record.append(0, {std::int64_t{0}, 0.5, "ninebytes"}); }), "at most 8");
  EXPECT_THROW(record.append(0, {std::int64_t{0}, 0.5}), CheckError);
  EXPECT_THROW(record.append(0, {std::uint64_t{0}, 0.5, "x"}), CheckError);
  EXPECT_THROW(record.append(2, {std::int64_t{0}}), CheckError);
  EXPECT_THROW(record.append(1, {std::span<const std::uint64_t>()}), CheckError);
  EXPECT_FALSE(fs::file_size(journal) > 0);
  record.append(0, {std::int64_t{0}, 0.5, "8  bytes"});
  record.close();
  EXPECT_THROW(append_step(record, 1), CheckError);
  EXPECT_EQ(steps_in(file), up_to(1));
}

/// A child that appends step after step, flushing now and then, and reports each step once append has returned.
pid_t spawn_writer(const fs::path& file, int report) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  try {
    Record record(file, small_header(), small_tables, true);
    for (std::int64_t step = 0;; ++step) {
      append_step(record, step);
      if (::write(report, &step, sizeof step) != static_cast<ssize_t>(sizeof step)) ::_exit(2);
      if (step % 7 == 6) record.flush();
    }
  } catch (const std::exception&) {
  }
  ::_exit(1);
}

/// Takes the next step off the pipe, waiting at most `milliseconds`; nothing if none came or the writer is dead.
std::optional<std::int64_t> next_report(int pipe, int milliseconds) {
  pollfd waiting = {pipe, POLLIN, 0};
  std::int64_t step = 0;
  if (::poll(&waiting, 1, milliseconds) <= 0) return std::nullopt;
  return ::read(pipe, &step, sizeof step) == static_cast<ssize_t>(sizeof step) ? std::optional(step) : std::nullopt;
}

TEST_F(RecordTest, EveryKillLeavesAnOpenFileAndEveryReportedRow) {
  constexpr int kills = 30;
  const formats::RandomBits random{2024, formats::Stream::fill};
  std::int64_t reported_rows = 0;
  int kills_with_rows_in_the_journal = 0;
  for (int kill = 0; kill < kills; ++kill) {
    if (kill % 2 == 0) fs::remove(file);
    int ends[2] = {};
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = spawn_writer(file, ends[1]);
    ASSERT_GT(child, 0);
    ::close(ends[1]);
    const std::uint32_t word = random.word(static_cast<std::uint64_t>(kill));
    const std::int64_t target = word % 40;
    std::int64_t last = -1;
    while (last + 1 < target) {
      const std::optional<std::int64_t> step = next_report(ends[0], 60000);
      ASSERT_TRUE(step.has_value()) << "the writer stopped by itself";
      last = *step;
      ASSERT_TRUE(steps_in(file).has_value()) << kill;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(word / 40 % 10000));
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << status;
    while (const std::optional<std::int64_t> step = next_report(ends[0], 0)) last = *step;
    ::close(ends[0]);

    ASSERT_TRUE(last < 0 || steps_in(file)) << kill;
    kills_with_rows_in_the_journal += recover(file).rows > 0 ? 1 : 0;
    if (last >= 0) {
      const auto steps = steps_in(file);
      ASSERT_TRUE(steps.has_value());
      ASSERT_GE(static_cast<std::int64_t>(steps->size()), last + 1) << kill;
      ASSERT_LE(static_cast<std::int64_t>(steps->size()), last + 2) << kill;
      ASSERT_EQ(*steps, up_to(static_cast<std::int64_t>(steps->size())));
    }
    ASSERT_FALSE(fs::exists(journal));
    ASSERT_FALSE(fs::exists(partial_path(file)));
    reported_rows += last + 1;
  }
  EXPECT_GT(reported_rows, 10 * kills) << "the sum of the targets alone is more";
  EXPECT_GT(kills_with_rows_in_the_journal, 0);
}

}  // namespace
}  // namespace precsim::record
