// A table that may be longer than memory: rows wait in an unnamed file until the rest of the output is known.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "experiments/record/file_io.hpp"
#include "experiments/record/table.hpp"

namespace precsim::record {

/// UserError names the output when there is no room for the rows.
class BulkTable {
 public:
  /// The rows wait in the folder of `output`.
  BulkTable(std::filesystem::path output, TableSchema table);

  void append(std::span<const Cell> row);

  /// Replaces the output by `image`, an HDF5 file without this table, and this table behind it: contiguous, not
  /// compressed. Nothing may be appended afterwards. The rows are plain writes, so that a full disk does not meet HDF5
  /// with more than a few bytes.
  void write_behind(std::string_view image);

 private:
  void spool();
  std::uint64_t make_room(const std::filesystem::path& partial) const;
  void copy_rows(int to, std::uint64_t offset, const std::filesystem::path& partial) const;

  std::filesystem::path output_;
  TableSchema table_;
  FileDescriptor spooled_;
  std::string buffer_;
  std::uint64_t bytes_ = 0;
};

}  // namespace precsim::record
