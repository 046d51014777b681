// Tests of the record's life: complete at every moment, whole after every death, replaced only as agreed.
#include "experiments/record/record.hpp"

#include <array>
#include <chrono>
#include <map>
#include <thread>

#include "experiments/record/compare.hpp"
#include "experiments/record/run_schema.hpp"
#include "experiments/record/table_rows.hpp"
#include "tests/experiments/record_support.hpp"

namespace precsim::record {
namespace {

TEST_F(RecordTest, FileIsCompleteAfterEveryStep) {
  Record record = start();
  EXPECT_EQ(steps_in(file), up_to(0));
  append_step(record, 0);
  append_step(record, 1);
  EXPECT_EQ(steps_in(file), up_to(0));
  record.flush();
  EXPECT_EQ(steps_in(file), up_to(2));
  append_step(record, 2);
  record.close();
  EXPECT_EQ(steps_in(file), up_to(3));
  EXPECT_EQ(names_in_folder(), Names{"run.h5"});
}

TEST_F(RecordTest, EqualContentGivesEqualBytesAtAnotherTime) {
  RunContents contents{small_header(), {run_tables().begin(), run_tables().end()}, {}};
  contents.rows.resize(contents.tables.size());
  contents.rows[Table::summary] = std::string(1000 * row_bytes(contents.tables[Table::summary]), 'x');
  const std::string first = run_image(contents, {"id", 3});
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  EXPECT_EQ(first, run_image(contents, {"id", 3}));
}

TEST(TableRows, ReadsWhatWasPacked) {
  const TableSchema table{"/mixed",
                          "Mixed.",
                          {{"counts", ColumnType::uint64, 2, "1", "two"},
                           {"name", ColumnType::text, 4, "-", "a name"},
                           {"real", ColumnType::float64, 1, "1", "a real"},
                           {"signed", ColumnType::int64, 1, "1", "an integer"}}};
  const std::array<std::uint64_t, 2> counts{7, 8};
  const auto row = [&](std::string_view name, double real, std::int64_t integer) {
    const std::array<Cell, 4> cells{std::span<const std::uint64_t>(counts), name, real, integer};
    return pack_row(table, cells);
  };
  const std::string rows = row("abcd", -0.5, -3) + row("x", 2, 4);
  const TableRows view(table, rows);
  ASSERT_EQ(view.size(), 2u);
  EXPECT_EQ(view.text(0, "name"), "abcd");
  EXPECT_EQ(view.text(1, "name"), "x");
  EXPECT_EQ(view.real(0, "real"), -0.5);
  EXPECT_EQ(view.integer(0, "signed"), -3);
  EXPECT_EQ(view.integer(1, "signed"), 4);
  EXPECT_EQ(view.count(1, "counts"), 7u);
  EXPECT_THROW(view.integer(0, "real"), CheckError);
  EXPECT_THROW(view.integer(0, "nothing"), CheckError);
  EXPECT_THROW(view.integer(2, "signed"), CheckError);
}

TEST_F(RecordTest, NoObjectCarriesTimes) {
  start().close();
  const hid_t opened = H5Fopen(file.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  ASSERT_GE(opened, 0);
  for (const char* path : {"/", "/provenance", "/steps", "/counts"}) {
    H5O_info_t info = {};
    ASSERT_GE(H5Oget_info_by_name2(opened, path, &info, H5O_INFO_TIME, H5P_DEFAULT), 0) << path;
    EXPECT_EQ(info.atime + info.mtime + info.ctime + info.btime, 0) << path;
  }
  H5Fclose(opened);
}

TEST_F(RecordTest, DestructionWithoutCloseKeepsRowsInTheJournal) {
  die_after(2, 5);
  EXPECT_EQ(steps_in(file), up_to(2));
  EXPECT_EQ(names_in_folder(), (Names{"run.h5", "run.h5.journal"}));
  const Recovery recovery = recover(file);
  EXPECT_EQ(recovery.rows, 3u);
  EXPECT_EQ(recovery.discarded_bytes, 0u);
  EXPECT_EQ(steps_in(file), up_to(5));
  EXPECT_EQ(names_in_folder(), Names{"run.h5"});
}

TEST_F(RecordTest, RecoveredFileEqualsTheOneOfAnUndisturbedRun) {
  const auto play = [](Record& record) {
    record.append(1, {std::span<const std::uint64_t>(std::array<std::uint64_t, 3>{1, 2, 3})});
    append_step(record, 0);
    record.set_attribute("status", std::string("running"));
    record.flush();
    record.append(1, {std::span<const std::uint64_t>(std::array<std::uint64_t, 3>{4, 5, 6})});
    record.set_attribute("status", std::string("finished"));
    record.set_attribute("ratio", 0.25);
    record.set_provenance("threads", std::int64_t{2});
  };
  const fs::path undisturbed = folder / "other.h5";
  Record other(undisturbed, small_header(), small_tables, false);
  play(other);
  other.close();
  {
    Record record = start();
    play(record);
  }
  const auto before = first_difference(file, undisturbed);
  ASSERT_TRUE(before.has_value());
  EXPECT_EQ(recover(file).rows, 1u);
  const auto after = first_difference(file, undisturbed);
  EXPECT_FALSE(after.has_value()) << after->sentence();
}

TEST_F(RecordTest, RecoverWithoutJournalDoesNothing) {
  start().close();
  const std::string bytes = slurp(file);
  EXPECT_EQ(recover(file).rows, 0u);
  EXPECT_EQ(slurp(file), bytes);
  EXPECT_EQ(recover(folder / "none.h5").rows, 0u);
  EXPECT_EQ(names_in_folder(), Names{"run.h5"});
}

TEST_F(RecordTest, RecoverBuildsTheFileFromTheJournalAlone) {
  die_after(0, 3);
  fs::remove(file);
  EXPECT_EQ(recover(file).rows, 3u);
  EXPECT_EQ(steps_in(file), up_to(3));
}

TEST_F(RecordTest, ContinuationOfAMissingFileIsRefused) {
  die_after(2, 3);
  fs::remove(file);
  EXPECT_SAYS(user_error([&] { recover(file); }), "missing");
  EXPECT_EQ(names_in_folder(), Names{"run.h5.journal"});
}

TEST_F(RecordTest, EveryCutOfTheJournalKeepsTheWholeEntriesBeforeIt) {
  die_after(0, 4);
  const std::string whole = slurp(journal);
  const std::string empty_run = slurp(file);
  std::int64_t recovered = 0;
  std::size_t cuts = 0;
  for (std::size_t size = 0; size <= whole.size(); size += size + 200 < whole.size() ? 3 : 1, ++cuts) {
    spill(file, empty_run);
    spill(journal, whole.substr(0, size));
    const Recovery recovery = recover(file);
    ASSERT_GE(static_cast<std::int64_t>(recovery.rows), recovered) << size;
    recovered = static_cast<std::int64_t>(recovery.rows);
    ASSERT_LE(recovery.discarded_bytes, size);
    ASSERT_EQ(steps_in(file), up_to(recovered)) << size;
    ASSERT_EQ(names_in_folder(), Names{"run.h5"});
  }
  EXPECT_EQ(recovered, 4);
  EXPECT_GT(cuts, 300u);
}

TEST_F(RecordTest, NoFlippedBitOfTheJournalGivesWrongRows) {
  die_after(0, 4);
  const std::string whole = slurp(journal);
  const std::string empty_run = slurp(file);
  std::map<std::string, int> outcomes;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << at % 8));
    spill(file, empty_run);
    spill(journal, damaged);
    const std::string error = user_error([&] { recover(file); });
    if (error.empty()) {
      ASSERT_EQ(steps_in(file), up_to(3)) << at;
      ++outcomes["last entry discarded"];
    } else {
      ASSERT_NE(error.find(journal.string()), std::string::npos) << error;
      ASSERT_EQ(slurp(journal), damaged) << at;
      ASSERT_EQ(slurp(file), empty_run) << at;
      ++outcomes["refused"];
    }
  }
  const std::size_t last_entry = 20 + 3 + row_bytes(small_tables[0]);
  EXPECT_EQ(outcomes["last entry discarded"], static_cast<int>(last_entry));
  EXPECT_EQ(outcomes["refused"], static_cast<int>(whole.size() - last_entry));
}

TEST_F(RecordTest, ZerosAtTheEndOfTheJournalAreATornTail) {
  die_after(1, 3);
  spill(journal, slurp(journal) + std::string(100, '\0'));
  const Recovery recovery = recover(file);
  EXPECT_EQ(recovery.discarded_bytes, 100u);
  EXPECT_EQ(steps_in(file), up_to(3));
}

TEST_F(RecordTest, MissingEntryInTheJournalIsRefused) {
  die_after(0, 4);
  std::string bytes = slurp(journal);
  const std::size_t entry = 20 + 3 + row_bytes(small_tables[0]);
  bytes.erase(bytes.size() - 2 * entry, entry);
  spill(journal, bytes);
  EXPECT_SAYS(user_error([&] { recover(file); }), "entry 3 is missing");
  EXPECT_EQ(slurp(journal), bytes);
}

TEST_F(RecordTest, ForeignJournalIsRefusedAndKept) {
  start().close();
  const std::string run = slurp(file);
  spill(journal, "notes of somebody else");
  EXPECT_SAYS(user_error([&] { recover(file); }), "is not the journal of a record");
  EXPECT_SAYS(user_error([&] { start(true); }), "is not the journal of a record");
  EXPECT_EQ(slurp(journal), "notes of somebody else");
  EXPECT_EQ(slurp(file), run);
}

TEST_F(RecordTest, JournalOfAnotherRunIsRefused) {
  die_after(1, 3);
  const std::string theirs = slurp(journal);
  fs::remove(journal);
  fs::remove(file);
  start().close();
  const std::string run = slurp(file);
  spill(journal, theirs);
  EXPECT_SAYS(user_error([&] { recover(file); }), "different runs");
  EXPECT_EQ(slurp(journal), theirs);
  EXPECT_EQ(slurp(file), run);
}

TEST_F(RecordTest, StaleJournalAddsNothing) {
  Record record = start();
  append_step(record, 0);
  append_step(record, 1);
  const std::string stale = slurp(journal);
  record.flush();
  spill(folder / "whole.h5", slurp(file));
  EXPECT_EQ(fs::file_size(journal), 0u);
  record.close();
  for (int time = 0; time < 3; ++time) {
    spill(journal, stale);
    EXPECT_EQ(recover(file).rows, 0u);
    const auto found = first_difference(file, folder / "whole.h5");
    EXPECT_FALSE(found.has_value()) << found->sentence();
    EXPECT_EQ(names_in_folder(), (Names{"run.h5", "whole.h5"}));
  }
}

TEST_F(RecordTest, StaleJournalDoesNotBringOldAttributesBack) {
  Record record = start();
  record.set_attribute("status", std::string("running"));
  const std::string stale = slurp(journal);
  record.flush();
  record.set_attribute("status", std::string("finished"));
  record.close();
  const std::string run = slurp(file);
  spill(journal, stale);
  EXPECT_EQ(recover(file).rows, 0u);
  EXPECT_EQ(slurp(file), run);
}

TEST_F(RecordTest, RowsBehindAFlushThatDiedBeforeTheJournalWasRestartedAreKept) {
  Record record = start();
  append_step(record, 0);
  record.flush();
  const std::string flushed = slurp(file);
  append_step(record, 1);
  append_step(record, 2);
  const std::string two_rows = slurp(journal);
  append_step(record, 3);
  const std::string three_rows = slurp(journal);
  record.close();
  spill(journal, three_rows);
  EXPECT_EQ(recover(file).rows, 0u);
  EXPECT_EQ(steps_in(file), up_to(4));

  spill(file, flushed);
  spill(journal, two_rows);
  EXPECT_EQ(recover(file).rows, 2u);
  spill(journal, three_rows);
  EXPECT_EQ(recover(file).rows, 1u);
  EXPECT_EQ(steps_in(file), up_to(4));
}

TEST_F(RecordTest, RecordOlderThanItsJournalIsRefused) {
  Record record = start();
  const std::string older = slurp(file);
  append_step(record, 0);
  record.flush();
  append_step(record, 1);
  const std::string entries = slurp(journal);
  record.close();
  spill(file, older);
  spill(journal, entries);
  EXPECT_SAYS(user_error([&] { recover(file); }), "older");
  EXPECT_EQ(slurp(file), older);
  EXPECT_EQ(slurp(journal), entries);
}

TEST_F(RecordTest, ExistingOutputIsRefused) {
  start().close();
  const std::string run = slurp(file);
  const std::string error = user_error([&] { start(); });
  EXPECT_SAYS(error, file.string());
  EXPECT_SAYS(error, "--overwrite");
  EXPECT_EQ(slurp(file), run);
  EXPECT_EQ(names_in_folder(), Names{"run.h5"});
}

TEST_F(RecordTest, RefusalFoldsTheLeftJournalInFirst) {
  die_after(2, 5);
  const std::string error = user_error([&] { start(); });
  EXPECT_SAYS(error, "exists already (3 rows");
  EXPECT_EQ(steps_in(file), up_to(5));
  EXPECT_EQ(names_in_folder(), Names{"run.h5"});
}

TEST_F(RecordTest, OverwriteKeepsTheOldRecordUntilTheFirstFlush) {
  die_after(0, 4);
  recover(file);
  Record record = start(true);
  append_step(record, 0);
  EXPECT_EQ(steps_in(file), up_to(4));
  record.flush();
  EXPECT_EQ(steps_in(file), up_to(1));
}

TEST_F(RecordTest, OverwriteWithoutRowsReplacesTheOldRecordAtTheEnd) {
  die_after(0, 4);
  start(true).close();
  EXPECT_EQ(steps_in(file), up_to(0));
}

TEST_F(RecordTest, KilledOverwriteIsFoldedOverTheOldRecord) {
  die_after(0, 4);
  recover(file);
  die_after(0, 2, true);
  EXPECT_EQ(steps_in(file), up_to(4));
  EXPECT_EQ(recover(file).rows, 2u);
  EXPECT_EQ(steps_in(file), up_to(2));
}

}  // namespace
}  // namespace precsim::record
