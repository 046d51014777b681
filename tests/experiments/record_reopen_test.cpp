// Tests of going on with a record: taken up whole, brought back to an earlier moment, continued.
#include "experiments/record/compare.hpp"
#include "tests/experiments/record_support.hpp"

namespace precsim::record {
namespace {

std::optional<Record> reopen(const fs::path& file) {
  return Record::reopen(file, small_tables);
}

void append_counts(Record& record) {
  const std::uint64_t counts[3] = {1, 2, 3};
  record.append(1, {std::span<const std::uint64_t>(counts)});
}

TEST_F(RecordTest, ReopenFindsNothingWhereNothingIs) {
  EXPECT_FALSE(reopen(file).has_value());
  spill(journal, "");
  EXPECT_FALSE(reopen(file).has_value());
  EXPECT_EQ(names_in_folder(), Names{});
}

TEST_F(RecordTest, ReopenChangesNothingInAWholeRecord) {
  start().close();
  const std::string run = slurp(file);
  EXPECT_TRUE(reopen(file).has_value());
  EXPECT_EQ(slurp(file), run);
  EXPECT_EQ(names_in_folder(), Names{"run.h5"});
}

TEST_F(RecordTest, ReopenTellsWhatIsThere) {
  {
    Record record = start();
    append_step(record, 0);
    record.set_attribute("outcome", std::string("interrupted"));
    record.set_attribute("ratio", 0.25);
    record.set_provenance("seconds", 1.5);
    record.flush();
    append_step(record, 1);
  }
  std::optional<Record> record = reopen(file);
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->row_count(0), 2u);
  EXPECT_EQ(record->rows(0).size(), 2 * row_bytes(small_tables[0]));
  EXPECT_EQ(record->row_count(1), 0u);
  EXPECT_EQ(record->id().size(), 32u);
  EXPECT_EQ(value_of<std::string>(record->header().run, "outcome", "it"), "interrupted");
  EXPECT_EQ(value_of<std::int64_t>(record->header().run, "seed", "it"), 7);
  EXPECT_EQ(value_of<double>(record->header().run, "ratio", "it"), 0.25);
  EXPECT_EQ(value_of<double>(record->header().provenance, "seconds", "it"), 1.5);
  EXPECT_EQ(find_value(record->header().provenance, "record_id"), nullptr);
  EXPECT_SAYS(user_error([&] { value_of<double>(record->header().run, "seed", "it"); }), "no attribute seed");
}

TEST_F(RecordTest, RolledBackRecordGoesOnAsIfNothingHadCome) {
  {
    Record record = start();
    for (std::int64_t i = 0; i < 5; ++i) append_step(record, i);
    append_counts(record);
    record.set_attribute("outcome", std::string("interrupted"));
  }
  std::optional<Record> record = reopen(file);
  ASSERT_TRUE(record.has_value());
  const std::uint64_t rows[] = {2, 0};
  record->roll_back(small_header(), rows);
  EXPECT_EQ(steps_in(file), up_to(2));
  for (std::int64_t i = 2; i < 4; ++i) append_step(*record, i);
  append_counts(*record);
  record->close();
  Record other(folder / "other.h5", small_header(), small_tables, false);
  for (std::int64_t i = 0; i < 4; ++i) append_step(other, i);
  append_counts(other);
  other.close();
  const auto found = first_difference(file, folder / "other.h5");
  EXPECT_FALSE(found.has_value()) << found->sentence();
  EXPECT_EQ(names_in_folder(), (Names{"other.h5", "run.h5"}));
}

TEST_F(RecordTest, DroppedRowsDoNotComeBackAfterADeath) {
  die_after(2, 6);
  {
    std::optional<Record> record = reopen(file);
    ASSERT_TRUE(record.has_value());
    ASSERT_EQ(record->row_count(0), 6u);
    const std::uint64_t rows[] = {1, 0};
    record->roll_back(small_header(), rows);
    append_step(*record, 1);
  }
  EXPECT_EQ(steps_in(file), up_to(1));
  EXPECT_EQ(recover(file).rows, 1u);
  EXPECT_EQ(steps_in(file), up_to(2));
}

TEST_F(RecordTest, KeepsItsIdentity) {
  die_after(0, 2);
  std::optional<Record> record = reopen(file);
  const std::string id = record->id();
  const std::uint64_t rows[] = {1, 0};
  record->roll_back(small_header(), rows);
  record->close();
  record.reset();
  EXPECT_EQ(reopen(file)->id(), id);
}

TEST_F(RecordTest, ReopenIsRefusedWhileAnotherWrites) {
  const Record record = start();
  EXPECT_SAYS(user_error([&] { reopen(file); }), "another process");
}

TEST_F(RecordTest, ReopenedRecordIsLocked) {
  start().close();
  const std::optional<Record> record = reopen(file);
  EXPECT_SAYS(user_error([&] { reopen(file); }), "another process");
  EXPECT_SAYS(user_error([&] { start(true); }), "another process");
}

TEST_F(RecordTest, ReopenRefusesForeignFilesAndOtherTables) {
  start().close();
  const std::string run = slurp(file);
  auto others = small_tables;
  others[1].columns[0].length = 4;
  EXPECT_SAYS(user_error([&] { Record::reopen(file, others); }), "/counts has other columns");
  others.push_back({"/more", "More.", {{"x", ColumnType::int64, 1, "1", "x"}}});
  EXPECT_SAYS(user_error([&] { Record::reopen(file, others); }), file.string());
  spill(file, run.substr(0, run.size() / 2));
  EXPECT_SAYS(user_error([&] { reopen(file); }), file.string());
  spill(file, "a thesis");
  EXPECT_SAYS(user_error([&] { reopen(file); }), file.string());
  EXPECT_EQ(names_in_folder(), Names{"run.h5"});
}

TEST_F(RecordTest, SyncPutsANewRecordInThePlaceOfTheOld) {
  die_after(0, 4);
  recover(file);
  Record record = start(true);
  append_step(record, 0);
  EXPECT_EQ(steps_in(file), up_to(4));
  record.sync();
  EXPECT_EQ(steps_in(file), up_to(1));
  append_step(record, 1);
  record.sync();
  EXPECT_EQ(steps_in(file), up_to(1)) << "rows in the journal are safe where they are";
}

}  // namespace
}  // namespace precsim::record
