// The grammar of names: parts, options, integers, suggestions.
#include "formats/grammar.hpp"

#include <gtest/gtest.h>

#include <clocale>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace precsim::formats {
namespace {

using Options = std::vector<std::pair<std::string, std::string>>;

std::string error_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(Grammar, TakesNamesApart) {
  const ParsedName plain = parse_name("dfp16", "format");
  EXPECT_EQ(plain.base, "dfp16");
  EXPECT_TRUE(plain.options.empty());
  const ParsedName full = parse_name("a:b=1,c,d=x=y,e=f:g", "format");
  EXPECT_EQ(full.text, "a:b=1,c,d=x=y,e=f:g");
  EXPECT_EQ(full.base, "a");
  EXPECT_EQ(full.options, (Options{{"b", "1"}, {"c", ""}, {"d", "x=y"}, {"e", "f:g"}}));
}

TEST(Grammar, TakesEveryVisibleCharacterOfAscii) {
  std::string visible;
  for (char c = '!'; c <= '~'; ++c) {
    visible += c == ':' || c == ',' || c == '=' ? "" : std::string(1, c);
  }
  EXPECT_EQ(visible.size(), 91u);
  EXPECT_EQ(parse_name(visible, "format").base, visible);
}

TEST(Grammar, ATwinOptionAndAnEmptyOneAreToldApart) {
  EXPECT_EQ(error_of([] { parse_name("a:b,b=2", "thing"); }),
            "thing 'a:b,b=2' is malformed: option 'b' is given twice; the form is NAME[:option[=value],...] without "
            "blanks");
  for (const std::string text : {"a:", "a:b,", "a:,b", "a:=1", "a:b="}) {
    EXPECT_NE(error_of([&] { parse_name(text, "thing"); }).find("malformed: an option is empty"), std::string::npos)
        << text;
  }
  EXPECT_NE(error_of([] { parse_name("", "thing"); }).find("malformed: it is empty"), std::string::npos);
  EXPECT_NE(error_of([] { parse_name(":a", "thing"); }).find("malformed: nothing stands before ':'"),
            std::string::npos);
  for (const std::string text : {"a b", "a\x7f", "a\x80", "\ta"}) {
    EXPECT_NE(error_of([&] { parse_name(text, "thing"); }).find("malformed: it holds a blank"), std::string::npos)
        << text;
  }
}

TEST(Grammar, ReaderSaysWhereThereIsNothingToChoose) {
  const ParsedName parsed = parse_name("x:color=red", "thing");
  EXPECT_EQ(error_of([&] { OptionReader(parsed, "thing").finish(); }),
            "thing 'x:color=red' has no option 'color'; it takes none");
  OptionReader reader(parsed, "thing");
  reader.text("colour", "", "NAME");
  reader.flag("fast");
  EXPECT_EQ(error_of([&] { reader.finish(); }),
            "thing 'x:color=red' has no option 'color' (the nearest is 'colour'); valid: colour=NAME, fast");
}

TEST(Grammar, RefusesMalformedNames) {
  for (const std::string text : {"", ":", "a:", ":b", "a:,", "a:b,", "a:,b", "a:b,,c", "a:=1", "a:b=", "a:b=,c", "a b",
                                 "a\tb", "a\n", "\x7f", "\x80", "a:b,b", "a:b=1,b=2", "a:b,b=2"}) {
    EXPECT_NE(error_of([&] { parse_name(text, "thing"); }).find("thing '"), std::string::npos) << text;
  }
}

TEST(Grammar, LengthIsLimited) {
  EXPECT_EQ(parse_name(std::string(200, 'a'), "format").base.size(), 200u);
  const std::string error = error_of([] { parse_name(std::string(201, 'a'), "format"); });
  EXPECT_NE(error.find("200"), std::string::npos) << error;
}

TEST(Grammar, ReaderTakesOptions) {
  const ParsedName parsed = parse_name("x:n=-7,c=two,t=some,f", "thing");
  OptionReader reader(parsed, "thing");
  EXPECT_EQ(reader.integer("n", -10, 10, 0), -7);
  EXPECT_EQ(reader.choice("c", {"one", "two"}, 0), 1);
  EXPECT_EQ(reader.text("t", "other", "TEXT"), "some");
  EXPECT_TRUE(reader.flag("f"));
  EXPECT_FALSE(reader.flag("g"));
  EXPECT_EQ(reader.integer("m", 0, 1, 42), 42);
  EXPECT_EQ(reader.choice("d", {"one"}, 5), 5);
  EXPECT_EQ(reader.text("u", "other", "TEXT"), "other");
  EXPECT_NO_THROW(reader.finish());
}

TEST(Grammar, ReaderNamesWhatIsValid) {
  const ParsedName parsed = parse_name("x:n=11,c=three,f=1,lenght=2", "thing");
  OptionReader reader(parsed, "thing");
  EXPECT_EQ(error_of([&] { reader.integer("n", -10, 10, 0); }),
            "thing 'x:n=11,c=three,f=1,lenght=2': option 'n' must be an integer from -10 to 10, not '11'");
  EXPECT_NE(error_of([&] {
              reader.choice("c", {"one", "two"}, 0);
            }).find("one of one, two, not 'three'"),
            std::string::npos);
  EXPECT_NE(error_of([&] { reader.flag("f"); }).find("without a value, not '1'"), std::string::npos);
  reader.integer("length", 1, 9, 1);
  EXPECT_EQ(error_of([&] { reader.finish(); }),
            "thing 'x:n=11,c=three,f=1,lenght=2' has no option 'lenght' (the nearest is 'length'); "
            "valid: n=-10..10, c=one|two, f, length=1..9");
}

TEST(Grammar, IntegersAreWholeAndInRange) {
  std::int64_t value = 77;
  EXPECT_TRUE(parse_integer("0", 0, 9, value));
  EXPECT_EQ(value, 0);
  EXPECT_TRUE(parse_integer("-12", -20, 9, value));
  EXPECT_EQ(value, -12);
  constexpr std::int64_t low = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t high = std::numeric_limits<std::int64_t>::max();
  EXPECT_TRUE(parse_integer("9223372036854775807", low, high, value));
  EXPECT_EQ(value, high);
  EXPECT_TRUE(parse_integer("-9223372036854775808", low, high, value));
  EXPECT_EQ(value, low);
  value = 77;
  for (const char* text : {"", "-", "+1", " 1", "1 ", "1.0", "1e3", "0x1", "10", "-1", "-0", "1,000",
                           "9223372036854775808", "99999999999999999999999999", "nan", "one"}) {
    EXPECT_FALSE(parse_integer(text, 0, 9, value)) << text;
    EXPECT_EQ(value, 77) << text;
  }
}

TEST(Grammar, LocaleDoesNotMatter) {
  const std::string before = std::setlocale(LC_ALL, nullptr);
  int tried = 0;
  for (const char* locale : {"C", "C.UTF-8", "de_DE.UTF-8", "fr_FR.UTF-8"}) {
    if (std::setlocale(LC_ALL, locale) != nullptr) {
      ++tried;
      std::int64_t value = 0;
      EXPECT_TRUE(parse_integer("12345", 0, 99999, value)) << locale;
      EXPECT_FALSE(parse_integer("12.345", 0, 99999, value)) << locale;
    }
  }
  std::setlocale(LC_ALL, before.c_str());
  EXPECT_GE(tried, 1);
}

TEST(Grammar, UnknownNamesAreAnsweredWithTheList) {
  const std::string text = unknown_name("format", "fp61:x", "fp61", {"fp16", "bf16"}).what();
  EXPECT_EQ(text, "unknown format 'fp61:x' (the nearest is 'fp16'); valid: fp16, bf16");
}

}  // namespace
}  // namespace precsim::formats
