// Telling JPEG from PNG.
#include "sim/data/picture.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace precsim::data {
namespace {

constexpr std::array<std::uint8_t, 3> jpeg_magic = {0xFF, 0xD8, 0xFF};
constexpr std::array<std::uint8_t, 8> png_magic = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};

template <std::size_t n>
bool begins_with(std::span<const std::uint8_t> bytes, const std::array<std::uint8_t, n>& magic) {
  return bytes.size() >= n && std::equal(magic.begin(), magic.end(), bytes.begin());
}

}  // namespace

Picture decode_picture(std::span<const std::uint8_t> bytes, std::int64_t most_pixels) {
  if (begins_with(bytes, jpeg_magic)) {
    return decode_jpeg(bytes, most_pixels);
  }
  if (begins_with(bytes, png_magic)) {
    return decode_png(bytes, most_pixels);
  }
  throw ImageError(bytes.empty() ? "it is empty" : "it is neither JPEG nor PNG");
}

void check_picture_size(std::int64_t height, std::int64_t width, std::int64_t most_pixels) {
  if (height < 1 || width < 1 || height > most_pixels / width) {
    throw ImageError(
        fmt::format("it is {} pixels wide and {} high; 1 to {} pixels are valid", width, height, most_pixels));
  }
}

}  // namespace precsim::data
