// A whole record as the bytes of an HDF5 file, and the way back.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "experiments/record/header.hpp"
#include "experiments/record/table.hpp"

namespace precsim::record {

/// Tells the states of one record apart: `id` is drawn when the record is created, `generation` counts how often its
/// file was replaced since. Stored as record_id and record_generation under /provenance.
struct Identity {
  std::string id;
  std::uint64_t generation = 0;

  friend bool operator==(const Identity&, const Identity&) = default;
};

/// Everything a record holds; `rows[t]` are the packed rows of tables[t], one after the other.
struct RunContents {
  RecordHeader header;
  std::vector<TableSchema> tables;
  std::vector<std::string> rows;

  std::uint64_t row_count(std::size_t table) const { return rows[table].size() / row_bytes(tables[table]); }
};

/// The HDF5 file, complete. A pure function of its arguments: no times, fixed order, fixed chunks, and readable by
/// every HDF5 since 1.8; sealed. Tables are chunked, shuffled and deflated (level 4), rows packed and little-endian.
std::string run_image(const RunContents& contents, const Identity& identity);

/// Whose file this is; nothing if there is no such file. UserError if it is not a record.
std::optional<Identity> read_identity(const std::filesystem::path& file);

/// The attributes of "/" and of "/provenance", without record_id and record_generation. UserError if it is not a
/// record.
RecordHeader read_header(const std::filesystem::path& file);

/// The packed rows of every table of the record `file`, which must have exactly these columns. UserError if it does
/// not, if it is damaged, or if it claims more rows than its size can hold.
std::vector<std::string> read_rows(const std::filesystem::path& file, std::span<const TableSchema> tables);

}  // namespace precsim::record
