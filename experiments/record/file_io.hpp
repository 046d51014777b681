// POSIX files with errors that name the file: descriptors, atomic replacement, removal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace precsim::record {

/// UserError: "cannot <action> <file>: <text of the errno value>".
[[noreturn]] void throw_io_error(std::string_view action, const std::filesystem::path& file, int error);

/// Owns a descriptor; -1 owns nothing.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept;
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor();

  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

/// Writes all of `bytes` at the descriptor's position; `offset` >= 0 writes there instead. UserError names `file`.
void write_all(int fd, std::string_view bytes, const std::filesystem::path& file, long long offset = -1);

/// The size in bytes, and up to `size` bytes from `offset` on (fewer only at the end). UserError names `file`.
std::uint64_t file_size(int fd, const std::filesystem::path& file);
std::string read_at(int fd, std::uint64_t offset, std::size_t size, const std::filesystem::path& file);

/// `file` with `suffix` behind its name: in the same folder.
std::filesystem::path with_suffix(const std::filesystem::path& file, std::string_view suffix);

/// Where replace_file prepares the new content.
std::filesystem::path partial_path(const std::filesystem::path& file);

/// Replaces `file` (or creates it) whole: whoever opens it, at any moment and after any crash, sees all of the old
/// content or all of the new. Temporary file in the same folder, fsync, rename, fsync of the folder. On an error the
/// old content stays and the temporary file is removed.
void replace_file(const std::filesystem::path& file, std::string_view bytes);
/// The same with a content that `write` puts into the temporary file, which has that name.
void replace_file(const std::filesystem::path& file,
                  const std::function<void(int fd, const std::filesystem::path& partial)>& write);

/// A file without a name in that folder, for reading and writing; gone with its descriptor.
FileDescriptor unnamed_file(const std::filesystem::path& folder);

/// The last step of replace_file, for content that was written to `partial` through `fd` piece by piece.
void move_into_place(int fd, const std::filesystem::path& partial, const std::filesystem::path& file);

/// The regular file that an output path means: a symbolic link is followed once and for all, so that the link
/// survives the replacement. UserError for an empty path, a folder, a device, and a file that may not be written:
/// replacing it would need no such right.
std::filesystem::path resolve_output(const std::filesystem::path& file);

}  // namespace precsim::record
