// Mutates what is behind gzip's compression and checksum. Of target `idx`, whose file begins at the second byte.
#include <zlib.h>

#include <cstring>
#include <random>
#include <string>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed);

namespace {

constexpr std::size_t most_plain_bytes = 1 << 16;
constexpr int gzip_format = 15 + 16;

/// What a gzip stream holds, as far as it can be read; empty for anything else.
std::string unpacked(const std::uint8_t* data, std::size_t size) {
  z_stream stream{};
  if (size < 18 || data[0] != 0x1f || data[1] != 0x8b || inflateInit2(&stream, gzip_format) != Z_OK) return {};
  std::string plain(most_plain_bytes, '\0');
  stream.next_in = const_cast<Bytef*>(data);
  stream.avail_in = static_cast<uInt>(size);
  stream.next_out = reinterpret_cast<Bytef*>(plain.data());
  stream.avail_out = static_cast<uInt>(plain.size());
  inflate(&stream, Z_FINISH);
  plain.resize(plain.size() - stream.avail_out);
  inflateEnd(&stream);
  return plain;
}

std::string packed(std::string& plain, int level) {
  z_stream stream{};
  if (deflateInit2(&stream, level, Z_DEFLATED, gzip_format, 8, Z_DEFAULT_STRATEGY) != Z_OK) return {};
  std::string file(deflateBound(&stream, plain.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(plain.data());
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(file.data());
  stream.avail_out = static_cast<uInt>(file.size());
  deflate(&stream, Z_FINISH);
  file.resize(file.size() - stream.avail_out);
  deflateEnd(&stream);
  return file;
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  std::minstd_rand random(seed);
  std::string plain = size > 1 ? unpacked(data + 1, size - 1) : std::string();
  const bool packs_plain = plain.empty() && size > 1 && random() % 8 == 0;
  if (packs_plain) plain.assign(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (plain.empty() || (!packs_plain && random() % 3 == 0)) return LLVMFuzzerMutate(data, size, max_size);
  const std::size_t plain_size = plain.size();
  plain.resize(plain_size + 256);
  plain.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(plain.data()), plain_size, plain.size()));
  const std::string file = packed(plain, static_cast<int>(random() % 10));
  if (file.empty() || file.size() + 1 > max_size) return LLVMFuzzerMutate(data, size, max_size);
  std::memcpy(data + 1, file.data(), file.size());
  return file.size() + 1;
}
