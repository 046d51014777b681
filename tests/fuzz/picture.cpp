// Fuzzes the decoding of one JPEG or PNG file, and the scaling of what comes out.
#include "sim/data/picture.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "sim/data/augmentation.hpp"
#include "sim/data/resample.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/fuzz/targets.hpp"

namespace precsim::fuzz {

/// What is accepted has all its pixels, the same ones again, and can be cut and scaled; all else is an ImageError.
void picture(std::string_view input) {
  constexpr std::int64_t most_pixels = 40'000;
  constexpr int side = 8;
  const std::vector<std::uint8_t> bytes(input.begin(), input.end());
  data::Picture picture;
  try {
    picture = data::decode_picture(bytes, most_pixels);
  } catch (const data::ImageError& error) {
    promise(error.what()[0] != '\0', "a reason");
    return;
  }
  const std::int64_t pixels = std::int64_t{picture.height} * picture.width;
  promise(picture.height > 0 && picture.width > 0 && pixels <= most_pixels, "a size within the limit");
  promise(std::cmp_equal(picture.rgb.size(), 3 * pixels), "all pixels");
  promise(data::decode_picture(bytes, most_pixels).rgb == picture.rgb, "the same again");
  const auto choice = data::ResizedCropFlip{1, 2}.choice(0, 0, picture.height, picture.width);
  std::vector<float> values(side * side * 3);
  data::resample(picture, choice.box, side, side, {0, 0, side, side}, values);
  promise(std::ranges::all_of(values, [](float v) { return v >= 0 && v < 255.01f; }), "means of pixels");
}

}  // namespace precsim::fuzz
