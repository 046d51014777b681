// FNV-1a of 64 bits: published vectors, order of integers' bytes, text form.
#include "formats/hash.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <string>

namespace precsim::formats {
namespace {

std::uint64_t hash_of(std::string_view text) {
  Hash64 hash;
  hash.text(text);
  return hash.value();
}

TEST(Hash64, PublishedVectors) {
  EXPECT_EQ(hash_of(""), 0xcbf29ce484222325u);
  EXPECT_EQ(hash_of("a"), 0xaf63dc4c8601ec8cu);
  EXPECT_EQ(hash_of("foobar"), 0x85944171f73967e8u);
}

TEST(Hash64, IntegersAreLittleEndianBytes) {
  Hash64 by_integer;
  by_integer.integer(0x0123456789abcdefu);
  constexpr std::array<unsigned char, 8> bytes = {0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01};
  Hash64 by_bytes;
  by_bytes.bytes(bytes.data(), bytes.size());
  EXPECT_EQ(by_integer.value(), by_bytes.value());
}

TEST(Hash64, PiecesJoin) {
  Hash64 pieces;
  pieces.text("foo");
  pieces.bytes(nullptr, 0);
  pieces.text("bar");
  EXPECT_EQ(pieces.value(), hash_of("foobar"));
}

TEST(Hash64, HighBytesAreUnsigned) {
  EXPECT_EQ(hash_of("\xff"), (0xcbf29ce484222325u ^ 0xffu) * 0x100000001b3u);
}

TEST(Hash64, HexHasSixteenLowerCaseDigits) {
  EXPECT_EQ(Hash64().hex(), "cbf29ce484222325");
  Hash64 hash;
  for (int i = 0; i < 1000; ++i) {
    hash.integer(static_cast<std::uint64_t>(i));
    const std::string hex = hash.hex();
    ASSERT_EQ(hex.size(), 16u);
    ASSERT_EQ(std::stoull(hex, nullptr, 16), hash.value());
  }
}

}  // namespace
}  // namespace precsim::formats
