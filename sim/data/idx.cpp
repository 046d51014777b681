// IDX over zlib's gzread, which passes plain files through.
#include "sim/data/idx.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <system_error>

#include "formats/error.hpp"

namespace precsim::data {
namespace {

constexpr std::uint32_t unsigned_byte_magic = 0x00000800;

/// A plain or gzip file, read forward.
class Input {
 public:
  explicit Input(const std::string& path) : path_(path) {
    std::error_code ignored;
    // A pipe or a device could block for ever.
    if (!std::filesystem::is_regular_file(path, ignored)) {
      throw UserError(
          fmt::format("file '{}' does not exist or is not a regular file; an IDX file, plain or gzip, is "
                      "needed there",
                      path));
    }
    file_.reset(gzopen(path.c_str(), "rb"));
    if (file_ == nullptr) {
      throw UserError(fmt::format("file '{}' cannot be opened; it must be readable", path));
    }
  }

  /// Fills `data` as far as the file goes; returns the bytes read. `size` must fit an int.
  std::size_t read(std::uint8_t* data, std::size_t size) {
    std::size_t done = 0;
    while (done < size) {
      const int got = gzread(file_.get(), data + done, static_cast<unsigned>(size - done));
      if (got <= 0) {
        break;
      }
      done += static_cast<std::size_t>(got);
    }
    if (done < size) {
      check_end();
    }
    return done;
  }

 private:
  struct Close {
    void operator()(gzFile file) const { gzclose_r(file); }
  };

  /// Tells an honest end of file from a cut or damaged one.
  void check_end() {
    int code = Z_OK;
    const char* message = gzerror(file_.get(), &code);
    if (code == Z_BUF_ERROR) {
      throw UserError(
          fmt::format("file '{}' is truncated: its gzip stream ends early; a complete file is needed", path_));
    }
    if (code != Z_OK && code != Z_STREAM_END) {
      throw UserError(fmt::format("file '{}' cannot be read ({}); an undamaged IDX file, plain or gzip, is needed",
                                  path_, message));
    }
  }

  std::string path_;
  std::unique_ptr<gzFile_s, Close> file_;
};

std::uint32_t read_big_endian(Input& input, const std::string& path) {
  std::array<std::uint8_t, 4> bytes{};
  if (input.read(bytes.data(), bytes.size()) != bytes.size()) {
    throw UserError(fmt::format("file '{}' is truncated within its header; an IDX file is needed", path));
  }
  std::uint32_t value = 0;
  for (const std::uint8_t byte : bytes) {
    value = (value << 8) | byte;
  }
  return value;
}

/// Exactly `size` bytes and then the end; a block at a time, so that a header cannot ask for memory without data.
std::vector<std::uint8_t> read_values(Input& input, std::uint64_t size, const std::string& path) {
  constexpr std::uint64_t block = 1u << 20;
  std::vector<std::uint8_t> values;
  while (values.size() < size) {
    const std::size_t old_size = values.size();
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(block, size - old_size));
    values.resize(old_size + wanted);
    const std::size_t got = input.read(values.data() + old_size, wanted);
    if (got < wanted) {
      throw UserError(fmt::format("file '{}' is truncated: its header announces {} bytes of data, it holds {}", path,
                                  size, old_size + got));
    }
  }
  std::uint8_t extra = 0;
  if (input.read(&extra, 1) != 0) {
    throw UserError(fmt::format(
        "file '{}' holds more than the {} bytes of data that its header announces; it must end there", path, size));
  }
  return values;
}

/// "28 x 28".
std::string shape_text(std::span<const std::uint32_t> shape) {
  std::string text;
  for (const std::uint32_t dimension : shape) {
    text += fmt::format("{}{}", text.empty() ? "" : " x ", dimension);
  }
  return text;
}

}  // namespace

IdxItems read_idx(const std::string& path, std::initializer_list<std::uint32_t> item_shape) {
  Input input(path);
  const std::uint32_t magic = read_big_endian(input, path);
  const auto valid_magic = unsigned_byte_magic + 1u + static_cast<std::uint32_t>(item_shape.size());
  if (magic != valid_magic) {
    throw UserError(
        fmt::format("file '{}' begins with the magic number 0x{:08x}; 0x{:08x} (IDX, unsigned bytes, "
                    "{}-dimensional) is valid",
                    path, magic, valid_magic, 1 + item_shape.size()));
  }
  const std::uint32_t count = read_big_endian(input, path);
  std::vector<std::uint32_t> shape;
  for (std::size_t i = 0; i < item_shape.size(); ++i) {
    shape.push_back(read_big_endian(input, path));
  }
  if (!std::equal(shape.begin(), shape.end(), item_shape.begin())) {
    throw UserError(fmt::format("file '{}' holds items of {}; {} is valid", path, shape_text(shape),
                                shape_text(std::span(item_shape.begin(), item_shape.size()))));
  }
  if (count == 0) {
    throw UserError(fmt::format("file '{}' says that it holds no items; at least one is needed", path));
  }
  std::uint64_t item_size = 1;
  for (const std::uint32_t dimension : item_shape) {
    item_size *= dimension;
  }
  return {count, read_values(input, count * item_size, path)};
}

}  // namespace precsim::data
