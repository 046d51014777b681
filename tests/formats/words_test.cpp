// Tests of words.hpp: quoting, trimming, lists, wrapping, edits, nearest names.
#include "formats/words.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace precsim::formats {
namespace {

using Names = std::vector<std::string_view>;

TEST(Words, QuoteShowsControlBytes) {
  EXPECT_EQ(quote(""), "''");
  EXPECT_EQ(quote("a 'b' ~"), "'a 'b' ~'");
  EXPECT_EQ(quote(std::string_view("\0\x1f\x7f\x1b", 4)), "'\\x00\\x1f\\x7f\\x1b'");
  EXPECT_EQ(quote("\xc3\xa9\xff"), "'\xc3\xa9\xff'");
}

TEST(Words, QuoteCutsAfterSixtyBytesBetweenCharacters) {
  EXPECT_EQ(quote(std::string(60, 'a')), "'" + std::string(60, 'a') + "'");
  EXPECT_EQ(quote(std::string(61, 'a')), "'" + std::string(60, 'a') + "...'");
  EXPECT_EQ(quote(std::string(58, 'a') + "\xc3\xa9"), "'" + std::string(58, 'a') + "\xc3\xa9'");
  EXPECT_EQ(quote(std::string(58, 'a') + "\xc3\xa9" + "b"), "'" + std::string(58, 'a') + "\xc3\xa9...'");
  EXPECT_EQ(quote(std::string(59, 'a') + "\xc3\xa9"), "'" + std::string(59, 'a') + "...'");
  EXPECT_EQ(quote(std::string(58, 'a') + "\xe2\x82\xac"), "'" + std::string(58, 'a') + "...'");
  EXPECT_EQ(quote(std::string(70, '\x80')), "'...'");
}

TEST(Words, TrimTakesBlanksAndTabsFromBothEnds) {
  EXPECT_EQ(trim(""), "");
  EXPECT_EQ(trim(" \t "), "");
  EXPECT_EQ(trim("a"), "a");
  EXPECT_EQ(trim("\t a b\tc \t"), "a b\tc");
  EXPECT_EQ(trim(" \na\n "), "\na\n");
}

TEST(Words, JoinMakesAList) {
  EXPECT_EQ(join({}), "");
  EXPECT_EQ(join(Names{"a"}), "a");
  EXPECT_EQ(join(Names{"a", "b"}), "a and b");
  EXPECT_EQ(join(Names{"a", "b", "c", "d"}), "a, b, c and d");
}

TEST(Words, WrapBreaksAtBlanks) {
  EXPECT_EQ(wrap("", 10, "# "), "");
  EXPECT_EQ(wrap("  ", 10, "# "), "");
  EXPECT_EQ(wrap("one", 10, "# "), "# one\n");
  EXPECT_EQ(wrap("one two three", 9, "# "), "# one two\n# three\n");
  EXPECT_EQ(wrap("one two three", 8, "# "), "# one\n# two\n# three\n");
  EXPECT_EQ(wrap(" one   two ", 80, ""), "one two\n");
  EXPECT_EQ(wrap("a longerthanthat b", 5, ""), "a\nlongerthanthat\nb\n");
}

TEST(Words, EditDistanceCountsSwapsOfNeighborsAsOne) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("abc", ""), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("lr", "rl"), 1u);
  EXPECT_EQ(edit_distance("abcd", "abdc"), 1u);
  EXPECT_EQ(edit_distance("abcdef", "bacdfe"), 2u);
  EXPECT_EQ(edit_distance("xlry", "yrlx"), 3u);
  EXPECT_EQ(edit_distance("ab", "cb"), 1u);
  EXPECT_EQ(edit_distance("ab", "bc"), 2u);
  EXPECT_EQ(edit_distance("ab", "ca"), 2u);
  EXPECT_EQ(edit_distance("abc", "bxa"), 3u);
}

TEST(Words, EditDistanceIgnoresCaseOfLettersOnly) {
  EXPECT_EQ(edit_distance("Seed", "sEED"), 0u);
  EXPECT_EQ(edit_distance("AZ", "az"), 0u);
  EXPECT_EQ(edit_distance("rL", "Lr"), 1u);
  EXPECT_EQ(edit_distance("@[", "`{"), 2u);
}

TEST(Words, NearestNameIsNearOrNothing) {
  const Names candidates = {"fp16", "bf16", "dfp16"};
  EXPECT_EQ(nearest("fp61", candidates), "fp16");
  EXPECT_EQ(nearest("FP16", candidates), "fp16");
  EXPECT_EQ(nearest("dfp61", candidates), "dfp16");
  EXPECT_EQ(nearest("bf16", candidates), "bf16");
  EXPECT_EQ(nearest("posit32", candidates), "");
  EXPECT_EQ(nearest("fp16", {}), "");
}

TEST(Words, NearestNameChangesAThirdOfTheCharactersOrTwo) {
  EXPECT_EQ(nearest("ab", Names{"xy"}), "xy");
  EXPECT_EQ(nearest("ab", Names{"xyz"}), "");
  EXPECT_EQ(nearest("abcdefgh", Names{"abcdefxy"}), "abcdefxy");
  EXPECT_EQ(nearest("abcdefgh", Names{"abcdexyz"}), "");
  EXPECT_EQ(nearest("abcdefghi", Names{"abcdefxyz"}), "abcdefxyz");
  EXPECT_EQ(nearest("abcdefghi", Names{"abcdewxyz"}), "");
}

TEST(Words, NearestNameIsTheFirstAmongEquals) {
  EXPECT_EQ(nearest("xf16", Names{"bf16", "df16"}), "bf16");
  EXPECT_EQ(nearest("xf16", Names{"bb16", "df16", "bf16"}), "df16");
}

TEST(Words, AnAbbreviationIsNearerThanAnEdit) {
  EXPECT_EQ(nearest("mom", Names{"mod", "momentum"}), "momentum");
  EXPECT_EQ(nearest("mom", Names{"momentum", "mom"}), "mom");
  EXPECT_EQ(nearest("mo", Names{"momentum"}), "");
  EXPECT_EQ(nearest("mo", Names{"momentum", "md"}), "md");
  EXPECT_EQ(nearest("momentums", Names{"momentum"}), "momentum");
  EXPECT_EQ(nearest("entum", Names{"momentum"}), "");
}

TEST(Words, NearestNameLooksAtTheLastComponentLast) {
  const Names names = {"optimizer.lr", "optimizer.momentum", "train.epochs"};
  EXPECT_EQ(nearest("lr", names), "optimizer.lr");
  EXPECT_EQ(nearest("train.lr", names), "optimizer.lr");
  EXPECT_EQ(nearest("run.epoch", names), "train.epochs");
  EXPECT_EQ(nearest("train.epoch", Names{"run.epoch", "train.epochs"}), "train.epochs");
}

TEST(Words, NearestNameOfLongTextIsNothing) {
  const std::string long_name(64, 'a');
  EXPECT_EQ(nearest(long_name, Names{long_name}), long_name);
  const std::string longer_name(65, 'a');
  EXPECT_EQ(nearest(longer_name, Names{longer_name}), "");
}

TEST(Words, HintNamesTheNearest) {
  EXPECT_EQ(hint("fp61", Names{"bf16", "fp16"}), " (the nearest is 'fp16')");
  EXPECT_EQ(hint("posit32", Names{"bf16", "fp16"}), "");
}

}  // namespace
}  // namespace precsim::formats
