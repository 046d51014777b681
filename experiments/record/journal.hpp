// The append-only journal beside a record: checksummed entries in a locked file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/record/file_io.hpp"

namespace precsim::record {

/// What a journal holds: every entry in order, and the bytes behind the last whole one that a killed writer left.
struct JournalContents {
  std::vector<std::string> entries;
  std::uint64_t torn_bytes = 0;
};

/// A file of entries: marker "PSJ1", length, CRC-32 (zlib) of all that follows it, 64-bit number from 0, body;
/// little-endian. While the object lives it holds an exclusive flock on the file, which is also the lock of the record
/// beside it. An append is in the file, safe against the death of the process (not of the machine), when it returns.
class Journal {
 public:
  /// The journal of the record `file`: the path with ".journal" behind it.
  static std::filesystem::path path_for(const std::filesystem::path& file);

  /// Opens and locks the journal of `file`, empty if it did not exist. UserError if another process holds it.
  static Journal open(const std::filesystem::path& file);
  /// The same, but nothing if there is no journal.
  static std::optional<Journal> open_existing(const std::filesystem::path& file);

  Journal(Journal&&) = default;
  Journal& operator=(Journal&&) = delete;
  /// Releases the lock and removes the file if it is empty; entries stay for the next start.
  ~Journal();

  /// Checks and returns all entries. A torn end (an incomplete or unreadable last entry) is left out and counted.
  /// A file that is no journal, or an unreadable entry with readable ones behind it, raises UserError.
  JournalContents read() const;

  /// Adds entries by one write. On an error none of them counts, and the next append takes their place.
  /// The journal must be empty or written by this object.
  void append(std::initializer_list<std::string_view> bodies);

  /// Removes every entry.
  void clear();

  /// Returns once what was done so far is safe from the death of the machine.
  void sync();

 private:
  Journal(std::filesystem::path path, FileDescriptor descriptor, std::uint64_t size);
  static std::optional<Journal> open_locked(const std::filesystem::path& path, int flags);

  std::filesystem::path path_;
  FileDescriptor descriptor_;
  std::uint64_t size_ = 0;
  std::uint64_t next_number_ = 0;
};

}  // namespace precsim::record
