// The record of a run: tables and attributes that survive the death of the process at any moment.
#pragma once

#include <cstddef>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>

#include "experiments/record/header.hpp"
#include "experiments/record/journal.hpp"
#include "experiments/record/recovery.hpp"
#include "experiments/record/run_file.hpp"
#include "experiments/record/table.hpp"

namespace precsim::record {

/// Writes one HDF5 file. Rows and attributes go at once to the journal beside it and into memory; flush() replaces the
/// file whole. So the file exists and is complete from construction on, at every moment, for every reader; and what a
/// killed process had appended is folded in by recover() or by the next Record on the same path.
///
/// Not for several threads at once. Every rejected write (full disk, unwritable folder) is a UserError naming the file;
/// the last good file stays, no temporary one is left, and the record may be used on when the cause is gone.
class Record {
 public:
  /// Locks the output, folds a left journal in, and creates the file with empty tables. If there is a record already: a
  /// UserError without `overwrite`; with it the old record stays until the first flush. A file that is not a record of
  /// this program, or a journal that cannot be read, is refused in any case.
  /// `tables` and the attributes must be without flaw (schema_flaw, attribute_flaw); record_id and record_generation
  /// under provenance are the record's own.
  Record(const std::filesystem::path& file, RecordHeader header, std::span<const TableSchema> tables, bool overwrite);

  /// The record `file` as an earlier process left it, for a run that goes on with it: locked, its journal folded in,
  /// otherwise untouched; nothing if there is no such record. UserError if another process is writing it, and for a
  /// file that is not a record of this program with these tables.
  static std::optional<Record> reopen(const std::filesystem::path& file, std::span<const TableSchema> tables);

  /// Brings the record back to the first row_counts[t] rows of each table and to this header; on disk when it returns.
  /// Nothing may have been added since reopen().
  void roll_back(RecordHeader header, std::span<const std::uint64_t> row_counts);

  const std::filesystem::path& file() const { return file_; }
  const std::string& id() const { return identity_.id; }
  const RecordHeader& header() const { return contents_.header; }
  const std::vector<TableSchema>& tables() const { return contents_.tables; }
  std::uint64_t row_count(std::size_t table) const { return contents_.row_count(table); }
  /// The packed rows of tables()[table], one after the other.
  std::string_view rows(std::size_t table) const { return contents_.rows[table]; }

  /// Adds one row to tables[table]; see pack_row. When it returns, the row survives the process.
  void append(std::size_t table, std::span<const Cell> row);
  void append(std::size_t table, std::initializer_list<Cell> row) { append(table, std::span(row.begin(), row.size())); }

  /// Sets or replaces an attribute of "/" or of "/provenance"; as safe as a row.
  void set_attribute(std::string_view name, AttributeValue value);
  void set_provenance(std::string_view name, AttributeValue value);

  /// Brings the file up to date, if anything was added since. Costs as much as all rows so far.
  void flush();

  /// When it returns, everything added so far is safe from the death of the machine, too. Costs as much as the rows
  /// since the last flush.
  void sync();

  /// Flushes, removes the journal and releases the lock; nothing may be added afterwards. Without it, unflushed rows
  /// stay in the journal for the next start.
  void close();

 private:
  Record(std::filesystem::path file, Journal journal, Identity identity, RunContents contents);
  void journal(std::string_view entry);
  void set(AttributePlace place, std::string_view name, AttributeValue value);

  std::filesystem::path file_;
  RunContents contents_;
  Identity identity_;
  std::optional<Identity> replaces_;
  std::optional<Journal> journal_;
  bool journal_started_ = false;
  bool changed_ = false;
};

}  // namespace precsim::record
