// Parsing of names and their options; nearest-name suggestions.
#include "formats/grammar.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "formats/words.hpp"

namespace precsim::formats {
namespace {

/// Longer text is not a name but a mistake.
constexpr std::size_t longest_name = 200;

/// The hint of words.hpp over owned names.
std::string hint_among(std::string_view word, const std::vector<std::string>& candidates) {
  return hint(word, std::vector<std::string_view>(candidates.begin(), candidates.end()));
}

}  // namespace

ParsedName parse_name(std::string_view text, std::string_view kind) {
  const auto malformed = [&](std::string_view why) {
    return UserError(fmt::format("{} {} is malformed: {}; the form is NAME[:option[=value],...] without blanks", kind,
                                 quote(text), why));
  };
  if (text.empty()) {
    throw malformed("it is empty");
  }
  if (text.size() > longest_name) {
    throw UserError(fmt::format("a {} name of {} characters, {}, is too long; at most {} are allowed", kind,
                                text.size(), quote(text), longest_name));
  }
  if (std::any_of(text.begin(), text.end(), [](char c) { return c <= ' ' || c > '~'; })) {
    throw malformed("it holds a blank or a character outside ASCII");
  }
  const std::size_t colon = text.find(':');
  ParsedName parsed{std::string(text), std::string(text.substr(0, colon)), {}};
  if (parsed.base.empty()) {
    throw malformed("nothing stands before ':'");
  }
  std::string_view rest = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  for (bool more = colon != std::string_view::npos; more;) {
    const std::size_t comma = rest.find(',');
    const std::string_view option = rest.substr(0, comma);
    const std::size_t equals = option.find('=');
    const bool bare = equals == std::string_view::npos;
    const std::string key(option.substr(0, equals));
    if (key.empty() || (!bare && equals + 1 == option.size())) {
      throw malformed("an option is empty");
    }
    for (const auto& earlier : parsed.options) {
      if (earlier.first == key) {
        throw malformed(fmt::format("option '{}' is given twice", key));
      }
    }
    parsed.options.emplace_back(key, bare ? std::string_view() : option.substr(equals + 1));
    more = comma != std::string_view::npos;
    rest = more ? rest.substr(comma + 1) : std::string_view();
  }
  return parsed;
}

const std::pair<std::string, std::string>* OptionReader::take(std::string_view option, std::string_view meaning) {
  asked_.emplace_back(option);
  valid_.push_back(meaning.empty() ? std::string(option) : fmt::format("{}={}", option, meaning));
  const auto found = std::find_if(parsed_.options.begin(), parsed_.options.end(),
                                  [&](const auto& given) { return given.first == option; });
  return found == parsed_.options.end() ? nullptr : &*found;
}

UserError OptionReader::wrong(std::string_view option, std::string_view must_be, std::string_view value) const {
  return UserError(
      fmt::format("{} '{}': option '{}' must be {}, not '{}'", kind_, parsed_.text, option, must_be, value));
}

int OptionReader::integer(std::string_view option, int low, int high, int otherwise) {
  const auto* given = take(option, fmt::format("{}..{}", low, high));
  if (given == nullptr) {
    return otherwise;
  }
  std::int64_t value = 0;
  if (!parse_integer(given->second, low, high, value)) {
    throw wrong(option, fmt::format("an integer from {} to {}", low, high), given->second);
  }
  return static_cast<int>(value);
}

double OptionReader::real(std::string_view option, double low, double high, double otherwise) {
  const auto* given = take(option, fmt::format("{}..{}", low, high));
  if (given == nullptr) {
    return otherwise;
  }
  double value = 0;
  if (!parse_real(given->second, low, high, value)) {
    throw wrong(option, fmt::format("a number from {} to below {}", low, high), given->second);
  }
  return value;
}

int OptionReader::choice(std::string_view option, const std::vector<std::string_view>& choices, int otherwise) {
  const auto* given = take(option, fmt::format("{}", fmt::join(choices, "|")));
  if (given == nullptr) {
    return otherwise;
  }
  const auto found = std::find(choices.begin(), choices.end(), given->second);
  if (found == choices.end()) {
    throw wrong(option, fmt::format("one of {}", fmt::join(choices, ", ")), given->second);
  }
  return static_cast<int>(found - choices.begin());
}

std::string OptionReader::text(std::string_view option, std::string_view otherwise, std::string_view meaning) {
  const auto* given = take(option, meaning);
  return given == nullptr ? std::string(otherwise) : given->second;
}

bool OptionReader::flag(std::string_view option) {
  const auto* given = take(option, "");
  if (given != nullptr && !given->second.empty()) {
    throw wrong(option, "given without a value", given->second);
  }
  return given != nullptr;
}

void OptionReader::finish() const {
  for (const auto& [option, value] : parsed_.options) {
    if (std::find(asked_.begin(), asked_.end(), option) == asked_.end()) {
      throw UserError(fmt::format(
          "{} '{}' has no option '{}'{}; {}", kind_, parsed_.text, option, hint_among(option, asked_),
          valid_.empty() ? std::string("it takes none") : fmt::format("valid: {}", fmt::join(valid_, ", "))));
    }
  }
}

bool parse_integer(std::string_view text, std::int64_t low, std::int64_t high, std::int64_t& value) {
  const char* end = text.data() + text.size();
  std::int64_t parsed = 0;
  const auto [stop, error] = std::from_chars(text.data(), end, parsed);
  const bool negative_zero = parsed == 0 && text.substr(0, 1) == "-";
  if (error != std::errc() || stop != end || parsed < low || parsed > high || negative_zero) {
    return false;
  }
  value = parsed;
  return true;
}

bool parse_real(std::string_view text, double low, double high, double& value) {
  const char* end = text.data() + text.size();
  double parsed = 0;
  const auto [stop, error] = std::from_chars(text.data(), end, parsed);
  if (error != std::errc() || stop != end || !(parsed >= low) || !(parsed < high) || std::signbit(parsed)) {
    return false;
  }
  value = parsed;
  return true;
}

UserError unknown_name(std::string_view kind, std::string_view text, std::string_view word,
                       const std::vector<std::string>& candidates) {
  return UserError(fmt::format("unknown {} {}{}; valid: {}", kind, quote(text), hint_among(word, candidates),
                               fmt::join(candidates, ", ")));
}

}  // namespace precsim::formats
