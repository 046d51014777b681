// Framing, checking and locking of the journal.
#include "experiments/record/journal.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "experiments/record/bytes.hpp"
#include "formats/error.hpp"

namespace precsim::record {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view marker = "PSJ1";
constexpr std::size_t length_at = 4;
constexpr std::size_t checksum_at = 8;
constexpr std::size_t number_at = 12;
constexpr std::size_t frame_bytes = 20;

/// Over length, number and body, so that no bit of an entry but the marker's is unguarded.
std::uint32_t checksum(std::string_view length, std::string_view number_and_body) {
  uLong crc = ::crc32_z(0, reinterpret_cast<const Bytef*>(length.data()), length.size());
  crc = ::crc32_z(crc, reinterpret_cast<const Bytef*>(number_and_body.data()), number_and_body.size());
  return static_cast<std::uint32_t>(crc);
}

void append_frame(std::string& bytes, std::uint64_t number, std::string_view body) {
  PRECSIM_CHECK(body.size() <= std::numeric_limits<std::uint32_t>::max(), fmt::format("{} bytes", body.size()));
  std::string length;
  append_integer(length, body.size(), 4);
  std::string number_and_body;
  append_integer(number_and_body, number, 8);
  number_and_body.append(body);
  bytes.append(marker).append(length);
  append_integer(bytes, checksum(length, number_and_body), 4);
  bytes.append(number_and_body);
}

struct Frame {
  std::uint64_t number;
  std::string_view body;
};

/// The whole, undamaged entry at the front of `bytes`, if there is one.
std::optional<Frame> frame_at(std::string_view bytes) {
  if (bytes.size() < frame_bytes || !bytes.starts_with(marker)) return std::nullopt;
  const std::size_t length = integer_at(bytes.substr(length_at), 4);
  if (length > bytes.size() - frame_bytes) return std::nullopt;
  const std::string_view number_and_body = bytes.substr(number_at, 8 + length);
  if (checksum(bytes.substr(length_at, 4), number_and_body) != integer_at(bytes.substr(checksum_at), 4)) {
    return std::nullopt;
  }
  return Frame{integer_at(number_and_body, 8), number_and_body.substr(8)};
}

/// Whether a whole entry lies behind an unreadable one. One torn write never has this many markers; a hostile file with
/// more would cost a checksum of its whole length for each.
bool holds_a_frame(std::string_view bytes) {
  constexpr int max_markers = 1000;
  int markers = 0;
  for (std::size_t at = bytes.find(marker); at != std::string_view::npos; at = bytes.find(marker, at + 1)) {
    if (++markers > max_markers || frame_at(bytes.substr(at))) return true;
  }
  return false;
}

/// Whether this can begin a journal, be it one whose first entry was torn: by the death of the process (a prefix of the
/// entry) or of the machine (a length without content, zeros).
bool begins_a_journal(std::string_view front) {
  return front.starts_with(marker) || marker.starts_with(front) ||
         front.find_first_not_of('\0') == std::string_view::npos;
}

/// Whether `path` still names the file behind `fd`: its last owner may have removed it before the lock was granted.
bool names_this_file(const fs::path& path, const struct stat& file) {
  struct stat named = {};
  return ::stat(path.c_str(), &named) == 0 && named.st_ino == file.st_ino && named.st_dev == file.st_dev;
}

}  // namespace

fs::path Journal::path_for(const fs::path& file) {
  return with_suffix(file, ".journal");
}

std::optional<Journal> Journal::open_locked(const fs::path& path, int flags) {
  for (;;) {
    FileDescriptor descriptor(::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags, 0666));
    if (descriptor.get() < 0) {
      if (errno == ENOENT && (flags & O_CREAT) == 0) return std::nullopt;
      throw_io_error((flags & O_CREAT) != 0 ? "create" : "open", path, errno);
    }
    if (::flock(descriptor.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EINTR) continue;
      if (errno != EWOULDBLOCK) throw_io_error("lock", path, errno);
      throw UserError(
          fmt::format("another process is writing this record and holds its journal {}; choose another "
                      "output or wait for it to end",
                      path.string()));
    }
    struct stat status = {};
    if (::fstat(descriptor.get(), &status) != 0) throw_io_error("read", path, errno);
    if (!S_ISREG(status.st_mode)) {
      throw UserError(fmt::format("{} is in the way of the record's journal and is not a regular file", path.string()));
    }
    if (names_this_file(path, status)) {
      return Journal(path, std::move(descriptor), static_cast<std::uint64_t>(status.st_size));
    }
  }
}

Journal Journal::open(const fs::path& file) {
  return *open_locked(path_for(file), O_CREAT);
}

std::optional<Journal> Journal::open_existing(const fs::path& file) {
  return open_locked(path_for(file), 0);
}

Journal::Journal(fs::path path, FileDescriptor descriptor, std::uint64_t size)
    : path_(std::move(path)), descriptor_(std::move(descriptor)), size_(size) {}

Journal::~Journal() {
  if (descriptor_.get() >= 0 && size_ == 0) ::unlink(path_.c_str());
}

JournalContents Journal::read() const {
  const auto fail = [&](std::string_view why) {
    throw UserError(
        fmt::format("{} {}; nothing was changed: move it away to go on without its rows", path_.string(), why));
  };
  const std::string front = read_at(descriptor_.get(), 0, std::min<std::size_t>(size_, marker.size()), path_);
  if (!begins_a_journal(front)) fail("is not the journal of a record");
  const std::string bytes = read_at(descriptor_.get(), 0, size_, path_);
  if (!begins_a_journal(bytes)) fail("is not the journal of a record");
  JournalContents contents;
  std::string_view rest = bytes;
  while (const std::optional<Frame> frame = frame_at(rest)) {
    if (frame->number != contents.entries.size()) {
      fail(fmt::format("is damaged: entry {} is missing before byte {}", contents.entries.size(),
                       bytes.size() - rest.size()));
    }
    contents.entries.emplace_back(frame->body);
    rest.remove_prefix(frame_bytes + frame->body.size());
  }
  if (!rest.empty() && holds_a_frame(rest.substr(1))) {
    fail(fmt::format("is damaged at entry {}, byte {}, with whole entries behind", contents.entries.size(),
                     bytes.size() - rest.size()));
  }
  contents.torn_bytes = rest.size();
  return contents;
}

void Journal::append(std::initializer_list<std::string_view> bodies) {
  PRECSIM_CHECK((size_ == 0) == (next_number_ == 0), fmt::format("{} bytes, entry {}", size_, next_number_));
  std::string bytes;
  std::uint64_t number = next_number_;
  for (const std::string_view body : bodies) append_frame(bytes, number++, body);
  write_all(descriptor_.get(), bytes, path_, static_cast<long long>(size_));
  size_ += bytes.size();
  next_number_ = number;
}

void Journal::clear() {
  if (size_ != 0 && ::ftruncate(descriptor_.get(), 0) != 0) throw_io_error("empty", path_, errno);
  size_ = 0;
  next_number_ = 0;
}

void Journal::sync() {
  if (::fsync(descriptor_.get()) != 0) throw_io_error("write", path_, errno);
}

}  // namespace precsim::record
