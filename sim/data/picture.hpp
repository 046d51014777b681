// Decoding one JPEG or PNG file to 8-bit RGB.
#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>
#include <vector>

namespace precsim::data {

/// Rows of RGB pixels from the top, without gaps.
struct Picture {
  int height = 0;
  int width = 0;
  std::vector<std::uint8_t> rgb;
};

/// Why bytes are no usable image, in a few words that fit behind "NAME: ".
class ImageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// More than the largest picture of ImageNet has.
inline constexpr std::int64_t most_pixels_of_a_picture = 100'000'000;

/// JPEG or PNG, as the first bytes say; the same pixels on every machine. Raises ImageError for other bytes, damaged or
/// cut files, and pictures with more than `most_pixels`, which is found out before memory is taken for them.
///
/// JPEG (8 bits, baseline or progressive; libjpeg-turbo): the accurate integer inverse DCT, no smoothing of blocks,
/// chroma samples repeated (not interpolated). Gray is given to all three channels; CMYK becomes c * k / 255, rounded,
/// per channel, with c and k the inverted samples that Adobe stores. Whatever libjpeg only warns of is an error, apart
/// from bytes between segments and odd headers; so is a progressive file of more than 500 scans.
///
/// PNG: palettes, bits below 8 and gray are expanded, 16 bits scaled to 8 (rounded), alpha is dropped, gamma and color
/// profiles are not applied. Orientation tags are not applied in either format.
Picture decode_picture(std::span<const std::uint8_t> bytes, std::int64_t most_pixels = most_pixels_of_a_picture);

/// The two behind it.
Picture decode_jpeg(std::span<const std::uint8_t> bytes, std::int64_t most_pixels);
Picture decode_png(std::span<const std::uint8_t> bytes, std::int64_t most_pixels);

/// Raises ImageError for a height or width below 1 or too many pixels.
void check_picture_size(std::int64_t height, std::int64_t width, std::int64_t most_pixels);

}  // namespace precsim::data
