// Stored tensors behind the common interface; see stored_tensors.hpp.
#include "experiments/tensor_files/stored_tensors.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include "experiments/tensor_files/elements.hpp"
#include "experiments/tensor_files/fortran_band.hpp"
#include "formats/error.hpp"
#include "formats/words.hpp"

namespace precsim::tensor_files {
namespace {

constexpr std::size_t piece_elements = std::size_t{1} << 16;

class FileStore final : public ByteStore {
 public:
  FileStore(record::FileDescriptor descriptor, std::vector<std::uint64_t> offsets, std::filesystem::path file)
      : descriptor_(std::move(descriptor)), offsets_(std::move(offsets)), file_(std::move(file)) {}

  void read(std::size_t tensor, std::uint64_t offset, std::span<std::byte> out) override {
    read_exactly(descriptor_.get(), offsets_[tensor] + offset, out, file_);
  }

 private:
  record::FileDescriptor descriptor_;
  std::vector<std::uint64_t> offsets_;
  std::filesystem::path file_;
};

class StoredTensorFile final : public TensorFile {
 public:
  StoredTensorFile(std::filesystem::path file, std::vector<StoredTensor> tensors, std::unique_ptr<ByteStore> store)
      : file_(std::move(file)), stored_(std::move(tensors)), store_(std::move(store)) {
    for (const StoredTensor& tensor : stored_) entries_.push_back(tensor.entry);
  }

  const std::vector<TensorEntry>& tensors() const override { return entries_; }

  void read(std::size_t i, std::int64_t first, std::span<float> out) override {
    const StoredTensor& tensor = stored_.at(i);
    const std::int64_t size = tensor.entry.size();
    if (tensor.entry.type == ElementType::other) {
      throw UserError(fmt::format(
          "{} of {} is of type {} and cannot be read; valid are float16, bfloat16, float32, float64, float8_e4m3fn and "
          "float8_e5m2",
          formats::quote(tensor.entry.name), file_.string(), tensor.entry.type_text));
    }
    PRECSIM_CHECK(first >= 0 && first <= size && out.size() <= static_cast<std::size_t>(size - first),
                  fmt::format("{} elements from {} of {}", out.size(), first, size));
    if (tensor.fortran_order && tensor.entry.shape.size() > 1) return band_.read(*store_, i, tensor, first, out);
    read_rising(i, tensor, first, out);
  }

 private:
  void read_rising(std::size_t i, const StoredTensor& tensor, std::int64_t first, std::span<float> out) {
    const std::size_t width = element_width(tensor.entry.type);
    std::uint64_t offset = static_cast<std::uint64_t>(first) * width;
    if (tensor.entry.type == ElementType::float32 && !tensor.big_endian) {
      return store_->read(i, offset, std::as_writable_bytes(out));
    }
    bytes_.resize(std::min(out.size(), piece_elements) * width);
    while (!out.empty()) {
      const std::span<float> piece = out.first(std::min(out.size(), piece_elements));
      const std::span<std::byte> bytes = std::span(bytes_).first(piece.size() * width);
      store_->read(i, offset, bytes);
      decode_elements(tensor.entry.type, tensor.big_endian, bytes, piece);
      offset += bytes.size();
      out = out.subspan(piece.size());
    }
  }

  std::filesystem::path file_;
  std::vector<StoredTensor> stored_;
  std::unique_ptr<ByteStore> store_;
  std::vector<TensorEntry> entries_;
  std::vector<std::byte> bytes_;
  FortranBand band_;
};

/// Length of the UTF-8 sequence at the front, or 0: no surrogates, nothing overlong, nothing above U+10FFFF.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xc0u) == 0x80u; };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return follows(1) ? 2 : 0;
  if ((lead & 0xf0u) == 0xe0) {
    const bool shortest = lead != 0xe0 || byte(1) >= 0xa0;
    const bool surrogate = lead == 0xed && byte(1) >= 0xa0;
    return shortest && !surrogate && follows(1) && follows(2) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    const bool in_range = (lead != 0xf0 || byte(1) >= 0x90) && (lead != 0xf4 || byte(1) < 0x90);
    return in_range && follows(1) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

void refuse(const std::filesystem::path& file, std::string_view why) {
  throw UserError(fmt::format("{} cannot be read: {}", file.string(), why));
}

std::optional<std::uint64_t> byte_count(std::span<const std::int64_t> shape, std::size_t width) {
  constexpr std::size_t most_axes = 64;
  constexpr std::uint64_t most_bytes = std::uint64_t{1} << 62;
  if (shape.size() > most_axes) return std::nullopt;
  std::uint64_t bytes = width;
  bool empty = false;
  for (const std::int64_t extent : shape) {
    if (extent < 0) return std::nullopt;
    empty = empty || extent == 0;
    const auto factor = static_cast<std::uint64_t>(std::max<std::int64_t>(extent, 1));
    if (bytes > most_bytes / factor) return std::nullopt;
    bytes *= factor;
  }
  return empty ? 0 : bytes;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

void check_names(const std::filesystem::path& file, std::span<const std::string> names) {
  std::set<std::string_view> seen;
  for (const std::string& name : names) {
    if (!is_utf8(name) || name.find('\0') != std::string::npos) {
      refuse(file, fmt::format("the name {} is not UTF-8 text", formats::quote(name)));
    }
    if (!seen.insert(name).second) refuse(file, fmt::format("two tensors have the name {}", formats::quote(name)));
  }
}

std::uint64_t most_inflated(std::uint64_t stored) {
  constexpr std::uint64_t best_ratio = 1100;
  constexpr std::uint64_t slack = 65536;
  return stored > (std::uint64_t{1} << 48) ? 0 : stored * best_ratio + slack;
}

void read_exactly(int fd, std::uint64_t offset, std::span<std::byte> out, const std::filesystem::path& file) {
  while (!out.empty()) {
    const ssize_t got = ::pread(fd, out.data(), out.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) record::throw_io_error("read", file, errno);
    if (got == 0) refuse(file, "it has become shorter while it was read");
    offset += static_cast<std::uint64_t>(got);
    out = out.subspan(static_cast<std::size_t>(got));
  }
}

std::unique_ptr<ByteStore> make_file_store(record::FileDescriptor descriptor, std::vector<std::uint64_t> offsets,
                                           const std::filesystem::path& file) {
  return std::make_unique<FileStore>(std::move(descriptor), std::move(offsets), file);
}

std::unique_ptr<TensorFile> make_tensor_file(const std::filesystem::path& file, std::vector<StoredTensor> tensors,
                                             std::unique_ptr<ByteStore> store) {
  return std::make_unique<StoredTensorFile>(file, std::move(tensors), std::move(store));
}

}  // namespace precsim::tensor_files
