// Sealing of record files; see seal.hpp.
#include "experiments/record/seal.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string_view>

#include "experiments/record/bytes.hpp"
#include "experiments/record/file_io.hpp"
#include "formats/error.hpp"

namespace precsim::record {
namespace {

constexpr std::string_view marker = "PRECSIM1";
constexpr std::size_t seal_bytes = marker.size() + 4;
constexpr std::uint64_t block_bytes = std::uint64_t{1} << 20;

std::uint32_t extend_checksum(std::uint32_t crc, std::string_view bytes) {
  return static_cast<std::uint32_t>(::crc32_z(crc, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace

void add_seal(std::string& image) {
  const std::uint32_t crc = extend_checksum(0, image);
  image.append(marker);
  append_integer(image, crc, 4);
}

bool check_seal(const std::filesystem::path& file) {
  const FileDescriptor descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (descriptor.get() < 0) throw_io_error("open", file, errno);
  const std::uint64_t size = file_size(descriptor.get(), file);
  if (size < seal_bytes) return false;
  const std::string seal = read_at(descriptor.get(), size - seal_bytes, seal_bytes, file);
  if (!seal.starts_with(marker)) return false;
  std::uint32_t crc = 0;
  for (std::uint64_t at = 0; at < size - seal_bytes; at += block_bytes) {
    crc = extend_checksum(crc, read_at(descriptor.get(), at, std::min(block_bytes, size - seal_bytes - at), file));
  }
  if (crc != integer_at(std::string_view(seal).substr(marker.size()), 4)) {
    throw UserError(
        fmt::format("{} is damaged (its checksum does not match its content); it was left as it is", file.string()));
  }
  return true;
}

}  // namespace precsim::record
