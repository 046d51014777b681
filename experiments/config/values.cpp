// Values of configuration keys: their canonical text, and what is said about an invalid one.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "experiments/config/keys.hpp"
#include "formats/error.hpp"
#include "formats/words.hpp"

namespace precsim::config {
using formats::hint;
using formats::quote;
using formats::trim;
namespace {

template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

bool in_range(const Range& range, double value) {
  return (range.low_open ? value > range.low : value >= range.low) &&
         (range.high_open ? value < range.high : value <= range.high);
}

std::optional<std::string> canonical_integer(const Key& key, std::string_view text) {
  const auto value = parse_number<std::int64_t>(text);
  if (!value || !in_range(key.range, static_cast<double>(*value))) return std::nullopt;
  return fmt::format("{}", *value);
}

std::optional<std::string> canonical_real(const Key& key, std::string_view text) {
  const auto value = parse_number<double>(text);
  if (!value || !std::isfinite(*value) || !in_range(key.range, *value)) return std::nullopt;
  return fmt::format("{}", *value == 0.0 ? 0.0 : *value);
}

std::optional<std::string> canonical_boolean(std::string_view text) {
  for (const std::string_view yes : {"true", "yes", "on", "1"}) {
    if (text == yes) return "true";
  }
  for (const std::string_view no : {"false", "no", "off", "0"}) {
    if (text == no) return "false";
  }
  return std::nullopt;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::optional<std::string> canonical_integers(const Key& key, std::string_view text) {
  std::string list;
  std::int64_t last = 0;
  if (text.empty()) return list;
  for (const std::string_view part : split(text, ',')) {
    const auto number = canonical_integer(key, trim(part));
    if (!number || (!list.empty() && to_integer(*number) <= last)) return std::nullopt;
    last = to_integer(*number);
    if (!list.empty()) list += ',';
    list += *number;
  }
  return list;
}

std::optional<std::string> canonical(const Key& key, std::string_view text) {
  switch (key.type) {
    case KeyType::integer:
      return canonical_integer(key, text);
    case KeyType::real:
      return canonical_real(key, text);
    case KeyType::boolean:
      return canonical_boolean(text);
    case KeyType::integers:
      return canonical_integers(key, text);
    case KeyType::text:
      break;
  }
  if (text.empty() && !key.may_be_empty) return std::nullopt;
  if (!key.choices.empty() && std::ranges::count(split(key.choices, '|'), text) == 0) return std::nullopt;
  return std::string(text);
}

std::string real_range(const Range& range) {
  return fmt::format("a real number {} {} and {} {}", range.low_open ? "above" : "of at least", range.low,
                     range.high_open ? "below" : "at most", range.high);
}

}  // namespace

std::string valid_values(const Key& key) {
  switch (key.type) {
    case KeyType::integer:
      return fmt::format("an integer from {} to {}", key.range.low, key.range.high);
    case KeyType::real:
      return real_range(key.range);
    case KeyType::boolean:
      return "true or false (also yes, on, 1, no, off, 0)";
    case KeyType::integers:
      return fmt::format("increasing integers from {} to {} with commas between, such as 30,60{}", key.range.low,
                         key.range.high, key.may_be_empty ? ", or empty" : "");
    case KeyType::text:
      break;
  }
  if (!key.choices.empty()) return fmt::format("one of {}", fmt::join(split(key.choices, '|'), ", "));
  if (key.checked_by_caller) return "a name";
  return key.may_be_empty ? "a text or empty" : "a text";
}

std::string canonical_value(const Key& key, std::string_view text) {
  check_text(key.name, text);
  if (auto value = canonical(key, text)) return *value;
  const std::string near = key.choices.empty() ? "" : hint(text, split(key.choices, '|'));
  throw UserError(
      fmt::format("{} = {} is not valid, it must be {}{}.", key.name, quote(text), valid_values(key), near));
}

std::int64_t to_integer(std::string_view canonical) {
  return parse_number<std::int64_t>(canonical).value();
}

double to_real(std::string_view canonical) {
  return parse_number<double>(canonical).value();
}

std::vector<std::int64_t> to_integers(std::string_view canonical) {
  std::vector<std::int64_t> numbers;
  if (canonical.empty()) return numbers;
  for (const std::string_view part : split(canonical, ',')) numbers.push_back(to_integer(part));
  return numbers;
}

void check_text(std::string_view name, std::string_view text) {
  const auto refuse = [&](std::string_view reason) {
    throw UserError(
        fmt::format("{} = {} {}; valid are texts without control characters, without blanks at the ends, and "
                    "without a '#' at the start or after a blank.",
                    name, quote(text), reason));
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7f) refuse("holds a control character");
    if (byte == '#' && (i == 0 || text[i - 1] == ' ')) refuse("has a '#' that begins a comment");
  }
  if (trim(text).size() != text.size()) refuse("begins or ends with a blank");
}

}  // namespace precsim::config
