// POSIX files; see file_io.hpp.
#include "experiments/record/file_io.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "formats/error.hpp"

namespace precsim::record {
namespace {

namespace fs = std::filesystem;

/// Removes a file on the way out, unless it has been renamed away.
class RemoveOnError {
 public:
  explicit RemoveOnError(const fs::path& file) : file_(file) {}
  RemoveOnError(const RemoveOnError&) = delete;
  RemoveOnError& operator=(const RemoveOnError&) = delete;
  ~RemoveOnError() {
    if (armed_) ::unlink(file_.c_str());
  }
  void disarm() { armed_ = false; }

 private:
  const fs::path& file_;
  bool armed_ = true;
};

void sync_folder_of(const fs::path& file) {
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  const FileDescriptor descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (descriptor.get() < 0) throw_io_error("open the folder", folder, errno);
  // Some file systems cannot sync a folder and say EINVAL; their renames are ordered by themselves.
  if (::fsync(descriptor.get()) != 0 && errno != EINVAL) throw_io_error("write the folder", folder, errno);
}

/// What a symbolic link means, be it there or not (weakly_canonical leaves a link to nothing as it is).
fs::path without_links(const fs::path& file) {
  constexpr int most_links = 40;
  fs::path target = file;
  std::error_code error;
  for (int links = 0; fs::is_symlink(target, error); ++links) {
    const fs::path meant = fs::read_symlink(target, error);
    if (error || links == most_links) {
      throw UserError(
          fmt::format("the output {} is a symbolic link that leads nowhere; give another path", file.string()));
    }
    target = target.parent_path() / meant;
  }
  return target;
}

}  // namespace

void throw_io_error(std::string_view action, const fs::path& file, int error) {
  throw UserError(fmt::format("cannot {} {}: {}", action, file.string(), std::generic_category().message(error)));
}

FileDescriptor::FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) ::close(fd_);
}

void write_all(int fd, std::string_view bytes, const fs::path& file, long long offset) {
  while (!bytes.empty()) {
    const ssize_t written = offset < 0 ? ::write(fd, bytes.data(), bytes.size())
                                       : ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0) {
      if (errno == EINTR) continue;
      throw_io_error("write", file, errno);
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
    if (offset >= 0) offset += written;
  }
}

std::uint64_t file_size(int fd, const fs::path& file) {
  struct stat status = {};
  if (::fstat(fd, &status) != 0) throw_io_error("read", file, errno);
  return static_cast<std::uint64_t>(status.st_size);
}

std::string read_at(int fd, std::uint64_t offset, std::size_t size, const fs::path& file) {
  std::string bytes(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got = ::pread(fd, bytes.data() + done, size - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_io_error("read", file, errno);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

fs::path with_suffix(const fs::path& file, std::string_view suffix) {
  fs::path result = file;
  result += suffix;
  return result;
}

fs::path partial_path(const fs::path& file) {
  return with_suffix(file, ".partial");
}

void replace_file(const fs::path& file, const std::function<void(int fd, const fs::path& partial)>& write) {
  const fs::path partial = partial_path(file);
  const FileDescriptor descriptor(::open(partial.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (descriptor.get() < 0) throw_io_error("create", partial, errno);
  RemoveOnError guard(partial);
  write(descriptor.get(), partial);
  move_into_place(descriptor.get(), partial, file);
  guard.disarm();
}

void move_into_place(int fd, const fs::path& partial, const fs::path& file) {
  if (::fsync(fd) != 0) throw_io_error("write", partial, errno);
  if (::rename(partial.c_str(), file.c_str()) != 0) throw_io_error("replace", file, errno);
  sync_folder_of(file);
}

void replace_file(const fs::path& file, std::string_view bytes) {
  replace_file(file, [&](int fd, const fs::path& partial) { write_all(fd, bytes, partial); });
}

FileDescriptor unnamed_file(const fs::path& folder) {
  std::string name = (folder / ".precsim-XXXXXX").string();
  FileDescriptor descriptor(::mkostemp(name.data(), O_CLOEXEC));
  if (descriptor.get() < 0) throw_io_error("create a temporary file in", folder, errno);
  ::unlink(name.c_str());
  return descriptor;
}

fs::path resolve_output(const fs::path& file) {
  if (file.empty()) throw UserError("the output file has an empty name; give a path such as run.h5");
  std::error_code error;
  const fs::path target = without_links(file);
  const fs::file_status status = fs::status(target, error);
  if (fs::is_directory(status) || !file.has_filename()) {
    throw UserError(fmt::format("the output {} is a folder; give the path of a file in it", file.string()));
  }
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    throw UserError(fmt::format("the output {} is not a regular file and cannot be replaced", file.string()));
  }
  if (fs::exists(status) && ::access(target.c_str(), W_OK) != 0 && errno == EACCES) {
    throw UserError(fmt::format("the output {} is read-only; make it writable, or choose another name", file.string()));
  }
  return target;
}

}  // namespace precsim::record
