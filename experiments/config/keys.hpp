// The table of configuration keys, and what a value of each may be.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace precsim::config {

/// `integers` is a comma-separated, strictly increasing list that may be empty.
enum class KeyType { integer, real, boolean, text, integers };

/// The valid numbers: from `low` to `high`, either end itself left out when open.
struct Range {
  double low = 0.0;
  double high = 0.0;
  bool low_open = false;
  bool high_open = false;
};

/// One key, "section.name", as files, `--set` and the record call it.
struct Key {
  std::string_view name;
  std::string_view default_text = {};
  std::string_view unit = {};
  std::string_view meaning;
  Range range = {};
  /// Valid texts, separated by '|'; none: any text.
  std::string_view choices = {};
  KeyType type = KeyType::text;
  /// Cannot change a bit of a result: outside the configuration hash, under /provenance in the record.
  bool provenance = false;
  /// An empty text is a value.
  bool may_be_empty = false;
  /// A name from a table of another library (models, datasets, optimizers, plans): the caller's check sees it, too.
  bool checked_by_caller = false;
};

/// Every fixed key, the keys of a section side by side. The family plan.* comes on top: see plan_keys.hpp.
std::span<const Key> keys();

/// The key of that name, or nullptr.
const Key* find_key(std::string_view name);

/// "optimizer" of "optimizer.lr"; the whole name when it has no dot.
std::string_view section_of(std::string_view key);

/// The sections of keys(), in their order.
std::vector<std::string_view> sections();

/// What is valid, as the end of "it must be ...": "an integer from 0 to 1024".
std::string valid_values(const Key& key);

/// The value in its one canonical form, so that equal values have equal texts: integers without leading zeros, reals
/// in the shortest form that reads back to the same double (-0 is 0), booleans as true or false, lists without blanks.
/// Throws UserError naming the key, the text and the valid values. Refused beyond what the range says: NaN and
/// infinities, trailing characters ("4x", "0,5"), a leading '+', hexadecimal forms, numbers that a double or a 64-bit
/// integer cannot hold ("1e999" as "1e-999"), and texts that check_text refuses. Independent of the locale.
std::string canonical_value(const Key& key, std::string_view text);

/// Numbers and truth of canonical texts.
std::int64_t to_integer(std::string_view canonical);
double to_real(std::string_view canonical);
std::vector<std::int64_t> to_integers(std::string_view canonical);

/// Throws UserError unless a configuration file can hold the text as a value: no control characters, no blank at either
/// end, no '#' at the start or after a blank (it would begin a comment). `name` is the key's.
void check_text(std::string_view name, std::string_view text);

}  // namespace precsim::config
