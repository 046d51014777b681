// The writing side of a record.
#include "experiments/record/record.hpp"

#include <fmt/format.h>
#include <sys/random.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "experiments/record/file_io.hpp"
#include "experiments/record/journal_entries.hpp"
#include "formats/error.hpp"

namespace precsim::record {
namespace {

namespace fs = std::filesystem;

/// Sixteen random bytes in hexadecimal. Identity only: nothing that is computed depends on it.
std::string draw_record_id() {
  unsigned char bytes[16];
  if (::getrandom(bytes, sizeof bytes, 0) != static_cast<ssize_t>(sizeof bytes)) {
    throw_io_error("read", "the system's random source", errno);
  }
  std::string id;
  for (const unsigned char byte : bytes) id += fmt::format("{:02x}", byte);
  return id;
}

[[noreturn]] void refuse_existing(const fs::path& file, std::uint64_t recovered) {
  const std::string note =
      recovered > 0 ? fmt::format(" ({} rows that an interrupted run had left in its journal are now in it)", recovered)
                    : std::string();
  throw UserError(
      fmt::format("the output {} exists already{}; choose another name, or have it replaced with --overwrite",
                  file.string(), note));
}

void check_attributes(const AttributeList& attributes) {
  const std::string flaw = attribute_flaw(attributes);
  PRECSIM_CHECK(flaw.empty(), flaw);
}

}  // namespace

Record::Record(const fs::path& file, RecordHeader header, std::span<const TableSchema> tables, bool overwrite)
    : file_(resolve_output(file)),
      contents_{std::move(header), {tables.begin(), tables.end()}, std::vector<std::string>(tables.size())},
      identity_{draw_record_id(), 0} {
  const std::string flaw = schema_flaw(tables);
  PRECSIM_CHECK(flaw.empty(), flaw);
  check_attributes(contents_.header.run);
  check_attributes(contents_.header.provenance);
  std::error_code error;
  if (!overwrite && fs::exists(file_, error) && !fs::exists(Journal::path_for(file_), error)) refuse_existing(file_, 0);
  journal_.emplace(Journal::open(file_));
  const Recovery recovery = fold_journal(file_, *journal_);
  if (!overwrite && fs::exists(file_, error)) refuse_existing(file_, recovery.rows);
  replaces_ = read_identity(file_);
  if (replaces_) {
    changed_ = true;
  } else {
    replace_file(file_, run_image(contents_, identity_));
  }
}

Record::Record(fs::path file, Journal journal, Identity identity, RunContents contents)
    : file_(std::move(file)),
      contents_(std::move(contents)),
      identity_(std::move(identity)),
      journal_(std::move(journal)) {}

std::optional<Record> Record::reopen(const fs::path& file, std::span<const TableSchema> tables) {
  const fs::path target = resolve_output(file);
  std::error_code error;
  if (!fs::exists(target, error) && !fs::exists(Journal::path_for(target), error)) return std::nullopt;
  Journal journal = Journal::open(target);
  fold_journal(target, journal);
  std::optional<Identity> identity = read_identity(target);
  if (!identity) return std::nullopt;
  RunContents contents{read_header(target), {tables.begin(), tables.end()}, read_rows(target, tables)};
  return Record(target, std::move(journal), std::move(*identity), std::move(contents));
}

void Record::roll_back(RecordHeader header, std::span<const std::uint64_t> row_counts) {
  PRECSIM_CHECK(journal_.has_value() && !journal_started_, "something was added");
  PRECSIM_CHECK(row_counts.size() == contents_.tables.size(), fmt::format("{} tables", row_counts.size()));
  check_attributes(header.run);
  check_attributes(header.provenance);
  for (std::size_t i = 0; i < row_counts.size(); ++i) {
    PRECSIM_CHECK(row_counts[i] <= row_count(i), contents_.tables[i].path);
    contents_.rows[i].resize(row_counts[i] * row_bytes(contents_.tables[i]));
  }
  contents_.header = std::move(header);
  // The entries that were folded in may not come back after the rows they hold are gone.
  journal_->sync();
  changed_ = true;
  flush();
}

void Record::append(std::size_t table, std::span<const Cell> row) {
  PRECSIM_CHECK(table < contents_.tables.size(), fmt::format("table {}", table));
  const std::string packed = pack_row(contents_.tables[table], row);
  journal(encode_row(table, packed));
  contents_.rows[table] += packed;
}

void Record::set_attribute(std::string_view name, AttributeValue value) {
  set(AttributePlace::run, name, std::move(value));
}

void Record::set_provenance(std::string_view name, AttributeValue value) {
  set(AttributePlace::provenance, name, std::move(value));
}

void Record::set(AttributePlace place, std::string_view name, AttributeValue value) {
  const Attribute attribute{std::string(name), std::move(value)};
  check_attributes({attribute});
  journal(encode_attribute(place, attribute));
  AttributeList& list = place == AttributePlace::run ? contents_.header.run : contents_.header.provenance;
  set_value(list, name, attribute.value);
}

void Record::journal(std::string_view entry) {
  PRECSIM_CHECK(journal_.has_value(), "the record is closed");
  if (journal_started_) {
    journal_->append({entry});
  } else {
    journal_->clear();
    journal_->append({encode_start(contents_, identity_, replaces_), entry});
    journal_started_ = true;
  }
  changed_ = true;
}

void Record::flush() {
  PRECSIM_CHECK(journal_.has_value(), "the record is closed");
  if (!changed_) return;
  const Identity next{identity_.id, identity_.generation + 1};
  replace_file(file_, run_image(contents_, next));
  identity_ = next;
  replaces_.reset();
  changed_ = false;
  journal_started_ = false;
  journal_->clear();
}

void Record::sync() {
  PRECSIM_CHECK(journal_.has_value(), "the record is closed");
  if (replaces_) {
    flush();
  } else if (journal_started_) {
    journal_->sync();
  }
}

void Record::close() {
  flush();
  journal_.reset();
}

}  // namespace precsim::record
