// Fuzzes journals. The input is the file beside a record.
#include "experiments/record/journal.hpp"

#include "experiments/record/journal_entries.hpp"
#include "tests/fuzz/scratch.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/fuzz/targets.hpp"

namespace precsim::fuzz {
namespace {

/// An entry that is understood encodes to the bytes it came from.
void check_entry(const std::string& body) {
  record::JournalEntry entry;
  if (!accepts([&] { entry = record::decode_entry(body, "the journal"); })) return;
  if (const auto* row = std::get_if<record::JournalRow>(&entry)) {
    promise(record::encode_row(row->table, row->bytes) == body, "a row encodes to its bytes");
  } else if (const auto* attribute = std::get_if<record::JournalAttribute>(&entry)) {
    promise(record::encode_attribute(attribute->place, attribute->attribute) == body, "so does an attribute");
  } else {
    const auto& start = std::get<record::JournalStart>(entry);
    promise(record::schema_flaw(start.tables).empty(), "tables are without flaw");
    promise(start.row_counts.size() == start.tables.size(), "every table has a count");
  }
}

}  // namespace

/// Whole entries come back, their bytes and the torn ones are all there is, and reading changes nothing.
void journal(std::string_view input) {
  scratch().write("run.h5.journal", input);
  record::JournalContents contents;
  const bool accepted = accepts([&] {
    const auto opened = record::Journal::open_existing(scratch().path("run.h5"));
    promise(opened.has_value(), "the journal is there");
    contents = opened->read();
  });
  promise(scratch().has("run.h5.journal") == !input.empty(), "only an empty journal is removed");
  if (!input.empty()) promise(scratch().read("run.h5.journal") == input, "reading changes nothing");
  if (!accepted) return;
  constexpr std::size_t frame_bytes = 20;
  std::size_t size = contents.torn_bytes;
  for (const std::string& body : contents.entries) size += frame_bytes + body.size();
  promise(size == input.size(), "entries and torn bytes are all there is");
  for (const std::string& body : contents.entries) check_entry(body);
}

}  // namespace precsim::fuzz
