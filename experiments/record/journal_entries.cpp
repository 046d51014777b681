// Encoding of journal entries.
#include "experiments/record/journal_entries.hpp"

#include <utility>

#include "experiments/record/bytes.hpp"

namespace precsim::record {
namespace {

enum class Kind : std::uint8_t { start = 1, row = 2, attribute = 3 };
enum class ValueKind : std::uint8_t { int64 = 1, float64 = 2, text = 3 };

constexpr std::uint64_t journal_version = 1;

void append_kind(std::string& bytes, Kind kind) {
  append_integer(bytes, static_cast<std::uint64_t>(kind), 1);
}

void append_identity(std::string& bytes, const Identity& identity) {
  append_text(bytes, identity.id);
  append_integer(bytes, identity.generation, 8);
}

Identity read_identity(ByteReader& reader) {
  std::string id = reader.text();
  return {std::move(id), reader.integer(8)};
}

struct ValueAppender {
  std::string& bytes;

  void kind(ValueKind kind) const { append_integer(bytes, static_cast<std::uint64_t>(kind), 1); }
  void operator()(std::int64_t value) const {
    kind(ValueKind::int64);
    append_integer(bytes, static_cast<std::uint64_t>(value), 8);
  }
  void operator()(double value) const {
    kind(ValueKind::float64);
    append_float64(bytes, value);
  }
  void operator()(const std::string& value) const {
    kind(ValueKind::text);
    append_text(bytes, value);
  }
};

void append_attribute(std::string& bytes, const Attribute& attribute) {
  append_text(bytes, attribute.name);
  std::visit(ValueAppender{bytes}, attribute.value);
}

Attribute read_attribute(ByteReader& reader) {
  std::string name = reader.text();
  switch (static_cast<ValueKind>(reader.integer(1))) {
    case ValueKind::int64:
      return {std::move(name), static_cast<std::int64_t>(reader.integer(8))};
    case ValueKind::float64:
      return {std::move(name), reader.float64()};
    case ValueKind::text:
      return {std::move(name), reader.text()};
  }
  reader.damaged("an attribute of an unknown kind");
}

void append_attributes(std::string& bytes, const AttributeList& attributes) {
  append_integer(bytes, attributes.size(), 4);
  for (const Attribute& attribute : attributes) append_attribute(bytes, attribute);
}

AttributeList read_attributes(ByteReader& reader) {
  AttributeList attributes;
  for (std::uint64_t left = reader.integer(4); left > 0; --left) attributes.push_back(read_attribute(reader));
  if (const std::string flaw = attribute_flaw(attributes); !flaw.empty()) reader.damaged(flaw);
  return attributes;
}

void append_table(std::string& bytes, const TableSchema& table) {
  append_text(bytes, table.path);
  append_text(bytes, table.description);
  append_integer(bytes, table.columns.size(), 4);
  for (const Column& column : table.columns) {
    append_text(bytes, column.name);
    append_integer(bytes, static_cast<std::uint64_t>(column.type), 1);
    append_integer(bytes, static_cast<std::uint64_t>(column.length), 4);
    append_text(bytes, column.unit);
    append_text(bytes, column.description);
  }
}

TableSchema read_table(ByteReader& reader) {
  TableSchema table;
  table.path = reader.text();
  table.description = reader.text();
  for (std::uint64_t left = reader.integer(4); left > 0; --left) {
    Column column;
    column.name = reader.text();
    column.type = static_cast<ColumnType>(reader.integer(1));
    column.length = static_cast<int>(static_cast<std::int32_t>(reader.integer(4)));
    column.unit = reader.text();
    column.description = reader.text();
    table.columns.push_back(std::move(column));
  }
  return table;
}

JournalStart read_start(ByteReader& reader) {
  if (reader.integer(4) != journal_version) reader.damaged("a journal of an unknown version");
  JournalStart start;
  start.identity = read_identity(reader);
  if (reader.integer(1) != 0) start.replaces = read_identity(reader);
  start.header.run = read_attributes(reader);
  start.header.provenance = read_attributes(reader);
  for (std::uint64_t left = reader.integer(4); left > 0; --left) {
    start.tables.push_back(read_table(reader));
    start.row_counts.push_back(reader.integer(8));
  }
  if (const std::string flaw = schema_flaw(start.tables); !flaw.empty()) reader.damaged(flaw);
  return start;
}

}  // namespace

std::string encode_start(const RunContents& contents, const Identity& identity,
                         const std::optional<Identity>& replaces) {
  std::string bytes;
  append_kind(bytes, Kind::start);
  append_integer(bytes, journal_version, 4);
  append_identity(bytes, identity);
  append_integer(bytes, replaces ? 1 : 0, 1);
  if (replaces) append_identity(bytes, *replaces);
  append_attributes(bytes, contents.header.run);
  append_attributes(bytes, contents.header.provenance);
  append_integer(bytes, contents.tables.size(), 4);
  for (std::size_t i = 0; i < contents.tables.size(); ++i) {
    append_table(bytes, contents.tables[i]);
    append_integer(bytes, contents.row_count(i), 8);
  }
  return bytes;
}

std::string encode_row(std::size_t table, std::string_view packed_row) {
  std::string bytes;
  append_kind(bytes, Kind::row);
  append_integer(bytes, table, 2);
  return bytes.append(packed_row);
}

std::string encode_attribute(AttributePlace place, const Attribute& attribute) {
  std::string bytes;
  append_kind(bytes, Kind::attribute);
  append_integer(bytes, static_cast<std::uint64_t>(place), 1);
  append_attribute(bytes, attribute);
  return bytes;
}

JournalEntry decode_entry(std::string_view body, const std::string& source) {
  ByteReader reader(body, source);
  JournalEntry entry;
  switch (static_cast<Kind>(reader.integer(1))) {
    case Kind::start:
      entry = read_start(reader);
      break;
    case Kind::row: {
      const auto table = static_cast<std::size_t>(reader.integer(2));
      entry = JournalRow{table, std::string(reader.take_rest())};
      break;
    }
    case Kind::attribute: {
      const auto place = static_cast<AttributePlace>(reader.integer(1));
      if (place > AttributePlace::provenance) reader.damaged("an attribute of an unknown place");
      Attribute attribute = read_attribute(reader);
      if (const std::string flaw = attribute_flaw({attribute}); !flaw.empty()) reader.damaged(flaw);
      entry = JournalAttribute{place, std::move(attribute)};
      break;
    }
    default:
      reader.damaged("an entry of an unknown kind");
  }
  if (!reader.at_end()) reader.damaged("an entry is longer than its content");
  return entry;
}

}  // namespace precsim::record
