// Tests of word_list.hpp: splitting at blanks, and what is said about commas.
#include "formats/word_list.hpp"

#include <gtest/gtest.h>

namespace precsim::formats {
namespace {

using Words = std::vector<std::string>;

const std::string advice = "; if a list is meant, separate its words with blanks, not commas";

TEST(WordList, BlanksSeparateAndQuotesHold) {
  EXPECT_EQ(words(""), Words());
  EXPECT_EQ(words(" \t\n"), Words());
  EXPECT_EQ(words(" a\tb,c\n d "), Words({"a", "b,c", "d"}));
  EXPECT_EQ(words("\"a b\" x\"y z\"w \"\""), Words({"a b", "xy zw", ""}));
  EXPECT_THROW(words("a \"b c"), UserError);
}

TEST(WordList, CommasThatSeparateNoOptionsAreSpokenOf) {
  for (const char* word : {"dfp8,dfp12", "1,2", "a,", "nearest_even,stochastic:bits=8", "dfp8:block=32,fp16",
                           "dfp8:block=32,dfp12:block=32"}) {
    EXPECT_EQ(with_comma_advice("No.", word), "No" + advice) << word;
    EXPECT_EQ(with_comma_advice("No", word), "No" + advice) << word;
  }
  for (const char* word :
       {"", "dfp8", "dfp8:block=32", "dfp8:block=32,top=bump", "dfp8:headroom=1,top=bump,block=32"}) {
    EXPECT_EQ(with_comma_advice("No.", word), "No.") << word;
  }
}

TEST(WordList, AdviceStandsBehindTheSentence) {
  Words seen;
  const auto use = [&](const std::string& word) {
    if (word.starts_with('?')) throw UserError("what is " + word);
    seen.push_back(word);
  };
  const auto sentence = [&](const Words& list) {
    try {
      for_each_word(list, use);
    } catch (const UserError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(sentence({"a,b", "c"}), "");
  EXPECT_EQ(seen, Words({"a,b", "c"}));
  EXPECT_EQ(sentence({"a", "?b", "c"}), "what is ?b");
  EXPECT_EQ(sentence({"?b,c"}), "what is ?b,c" + advice);
  EXPECT_EQ(seen, Words({"a,b", "c", "a"}));
}

}  // namespace
}  // namespace precsim::formats
