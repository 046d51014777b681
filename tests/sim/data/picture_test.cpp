// Decoding: pinned pixels of every kind of file, and every way in which files are bad.
#include "sim/data/picture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "formats/hash.hpp"
#include "tests/sim/data/picture_support.hpp"

namespace precsim::data {
namespace {

using ::testing::HasSubstr;

std::string why_not(const Bytes& bytes, std::int64_t most_pixels = most_pixels_of_a_picture) {
  try {
    decode_picture(bytes, most_pixels);
  } catch (const ImageError& error) {
    return error.what();
  }
  return "no error";
}

std::string hash_of(const Picture& picture) {
  formats::Hash64 hash;
  hash.bytes(picture.rgb.data(), picture.rgb.size());
  return hash.hex();
}

/// FNV-1a over the pixels as another program decodes the file. It interpolates the chroma of the last two, which are
/// pinned as they are here.
struct Known {
  const char* name;
  const char* hash;
};
constexpr Known known[] = {
    {"alpha.png", "3183d433194ffa4a"},       {"bits_1.png", "2ba22405de31cf2b"},
    {"chroma_444.jpg", "39dadf9a67f70be0"},  {"cmyk.jpg", "db8f842f8591911d"},
    {"gray.jpg", "4e64f60abc3c16df"},        {"gray_16.png", "8515c94158d53fc0"},
    {"interlaced.png", "3183d433194ffa4a"},  {"palette.png", "a93aa5687a701d4b"},
    {"rgb.png", "3183d433194ffa4a"},         {"chroma_420.jpg", "7cc0c9123fbbdf9b"},
    {"progressive.jpg", "ef3410d6f8b6a31e"},
};

TEST(Picture, pixels_of_every_kind_of_file) {
  int count = 0;
  for (const Known& file : known) {
    const Picture picture = decode_picture(golden_picture(file.name));
    EXPECT_EQ(picture.height, 14) << file.name;
    EXPECT_EQ(picture.width, 21) << file.name;
    ASSERT_EQ(picture.rgb.size(), 14u * 21 * 3) << file.name;
    EXPECT_EQ(hash_of(picture), file.hash) << file.name;
    ++count;
  }
  EXPECT_EQ(count, 11);
}

/// Chroma is averaged over pairs when it is stored, so repeating it comes within a few codes of the source.
TEST(Picture, repeated_chroma_is_near_the_source) {
  const Picture source = decode_picture(golden_picture("rgb.png"));
  for (const char* name : {"chroma_420.jpg", "progressive.jpg"}) {
    const Picture picture = decode_picture(golden_picture(name));
    double sum = 0;
    for (std::size_t i = 0; i < source.rgb.size(); ++i) sum += std::abs(picture.rgb[i] - source.rgb[i]);
    EXPECT_LT(sum / static_cast<double>(source.rgb.size()), 12) << name;
  }
}

TEST(Picture, a_cut_file_is_refused_at_every_length) {
  for (const Known& file : known) {
    const Bytes whole = golden_picture(file.name);
    std::size_t refused = 0;
    for (std::size_t size = 0; size < whole.size(); ++size) {
      refused += why_not(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))) != "no error" ? 1 : 0;
    }
    EXPECT_EQ(refused, whole.size()) << file.name;
  }
}

TEST(Picture, a_changed_byte_never_gives_a_picture_of_another_size) {
  int refused = 0, taken = 0;
  for (const Known& file : known) {
    const Bytes whole = golden_picture(file.name);
    for (std::size_t at = 0; at < whole.size(); ++at) {
      Bytes changed = whole;
      changed[at] ^= 0xFF;
      try {
        const Picture picture = decode_picture(changed, 100000);
        EXPECT_EQ(picture.rgb.size(),
                  std::size_t{3} * static_cast<std::size_t>(picture.height) * static_cast<std::size_t>(picture.width));
        ++taken;
      } catch (const ImageError&) {
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 1000);
  EXPECT_GT(taken, 100) << "coefficients of a JPEG have no checksum";
}

TEST(Picture, too_many_pixels_are_refused_before_they_are_decoded) {
  for (const char* name : {"rgb.png", "interlaced.png", "gray.jpg", "progressive.jpg"}) {
    EXPECT_EQ(why_not(golden_picture(name), 14 * 21), "no error");
    EXPECT_THAT(why_not(golden_picture(name), 14 * 21 - 1), HasSubstr("21 pixels wide and 14 high")) << name;
  }
  Bytes huge = golden_picture("gray.jpg");
  const Bytes frame = {0xFF, 0xC0};
  const auto at = std::search(huge.begin(), huge.end(), frame.begin(), frame.end());
  ASSERT_NE(at, huge.end());
  std::fill_n(at + 5, 4, 0xFE);  // height and width
  EXPECT_THAT(why_not(huge), HasSubstr("65278 pixels wide"));
}

TEST(Picture, other_files_are_told) {
  EXPECT_EQ(why_not({}), "it is empty");
  EXPECT_EQ(why_not({'G', 'I', 'F', '8', '9', 'a'}), "it is neither JPEG nor PNG");
  EXPECT_NE(why_not({0xFF, 0xD8, 0xFF, 0xD9}), "no error");
}

}  // namespace
}  // namespace precsim::data
