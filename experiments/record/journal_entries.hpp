// What the entries of a journal say, and their encoding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "experiments/record/header.hpp"
#include "experiments/record/run_file.hpp"
#include "experiments/record/table.hpp"

namespace precsim::record {

/// The first entry: everything needed to fold the rows behind it into the record they belong to, or to build that
/// record where it has no file of its own yet.
struct JournalStart {
  Identity identity;                 ///< the state of the record that the rows extend
  std::optional<Identity> replaces;  ///< another record that may stand in its place until the first flush
  RecordHeader header;
  std::vector<TableSchema> tables;
  std::vector<std::uint64_t> row_counts;  ///< rows of each table before the first row of the journal
};

struct JournalRow {
  std::size_t table = 0;
  std::string bytes;
};

struct JournalAttribute {
  AttributePlace place = AttributePlace::run;
  Attribute attribute;
};

using JournalEntry = std::variant<JournalStart, JournalRow, JournalAttribute>;

/// The start entry of `contents`: its header and tables, with row counts as they stand.
std::string encode_start(const RunContents& contents, const Identity& identity,
                         const std::optional<Identity>& replaces);
std::string encode_row(std::size_t table, std::string_view packed_row);
std::string encode_attribute(AttributePlace place, const Attribute& attribute);

/// Content that this program does not write raises UserError naming `source`.
JournalEntry decode_entry(std::string_view body, const std::string& source);

}  // namespace precsim::record
