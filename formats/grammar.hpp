// The one grammar of names: base[:option[=value][,option[=value]...]], without blanks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/error.hpp"

namespace precsim::formats {

/// "dfp16:block=32,top=bump" -> base "dfp16", options {block: "32"}, {top: "bump"}; a bare option has value "".
struct ParsedName {
  std::string text;
  std::string base;
  std::vector<std::pair<std::string, std::string>> options;
};

/// Raises UserError for blanks, empty parts or an option given twice; `kind` says what the name is of.
ParsedName parse_name(std::string_view text, std::string_view kind);

/// Takes options out of a ParsedName one by one; finish() raises UserError for any that nobody asked for.
class OptionReader {
 public:
  OptionReader(const ParsedName& parsed, std::string_view kind) : parsed_(parsed), kind_(kind) {}

  /// The option's value as an integer in [low, high], or `otherwise` where it is absent.
  int integer(std::string_view option, int low, int high, int otherwise);
  /// The same of a real number in [low, high).
  double real(std::string_view option, double low, double high, double otherwise);
  /// The index of the option's value among `choices`, or `otherwise` where it is absent.
  int choice(std::string_view option, const std::vector<std::string_view>& choices, int otherwise);
  /// The option's text, or `otherwise`; `meaning` tells in finish()'s sentence what it takes.
  std::string text(std::string_view option, std::string_view otherwise, std::string_view meaning);
  /// True iff the bare option (without a value) is present.
  bool flag(std::string_view option);
  void finish() const;

  /// UserError "KIND 'TEXT': option 'x' must be ..., not '...'".
  UserError wrong(std::string_view option, std::string_view must_be, std::string_view value) const;

 private:
  const std::pair<std::string, std::string>* take(std::string_view option, std::string_view meaning);

  const ParsedName& parsed_;
  std::string kind_;
  std::vector<std::string> asked_;
  std::vector<std::string> valid_;
};

/// Whole text as a decimal integer in [low, high]; false otherwise.
bool parse_integer(std::string_view text, std::int64_t low, std::int64_t high, std::int64_t& value);

/// Whole text as a decimal real number in [low, high); false otherwise.
bool parse_real(std::string_view text, double low, double high, double& value);

/// UserError "unknown KIND 'TEXT' (the nearest is 'x'); valid: a, b, c"
UserError unknown_name(std::string_view kind, std::string_view text, std::string_view word,
                       const std::vector<std::string>& candidates);

/// The same over the name column of a table.
template <class Table, class Member>
UserError unknown_name(std::string_view kind, std::string_view text, std::string_view word, const Table& table,
                       Member member) {
  std::vector<std::string> candidates;
  for (const auto& row : table) {
    candidates.emplace_back(row.*member);
  }
  return unknown_name(kind, text, word, candidates);
}

}  // namespace precsim::formats
