// Folding the journal of a killed process into its record.
#pragma once

#include <cstdint>
#include <filesystem>

namespace precsim::record {

class Journal;

struct Recovery {
  std::uint64_t rows = 0;             ///< rows that were in the journal and not yet in the file
  std::uint64_t discarded_bytes = 0;  ///< of the entry that was being written at the end
};

/// Makes the record `file` whole: adds what its journal holds beyond it, then removes the journal. Does nothing without
/// a journal; running it twice, or dying in it anywhere, adds no row twice and loses none. UserError, with every file
/// left as it is, if another process is writing the record, if the journal is damaged or belongs to another record, or
/// if `file` is missing or older than what the journal continues.
Recovery recover(const std::filesystem::path& file);

/// The same for a journal that is already open; leaves it empty. `file` as from resolve_output.
Recovery fold_journal(const std::filesystem::path& file, Journal& journal);

}  // namespace precsim::record
