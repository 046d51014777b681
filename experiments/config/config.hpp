// The configuration of a run: every key with its value, from defaults, a file, --set, and options.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "experiments/config/ini.hpp"
#include "experiments/config/keys.hpp"
#include "formats/hash.hpp"

namespace precsim::config {

/// Looks at a value whose valid ones another library knows: called with every plan.* key and every Key marked
/// checked_by_caller, after its shape was checked. Throws UserError naming the key and the valid values; the
/// configuration puts the place in front. Not called for defaults.
using ValueCheck = std::function<void(std::string_view key, std::string_view value)>;

/// What a command line says about the configuration.
struct Sources {
  std::optional<std::filesystem::path> file = {};
  /// Arguments of --set, "section.key=value".
  std::vector<std::string> sets = {};
  /// Options that stand for a key; the place is the option's name.
  std::vector<Assignment> options = {};
};

/// Whether keys that cannot change a bit of a result are part of the text.
enum class ProvenanceKeys { left_out, marked };

/// Keys and values. Keys of the fixed table always have a value; plan.* keys are a list in the order in which they were
/// given, so that later ones can refine earlier ones.
class Config {
 public:
  /// Every key at its default.
  explicit Config(ValueCheck check = {});

  /// Gives a key a value in place of its last one; a plan.* key moves to the end of the list. Throws UserError, the
  /// place in front, for an unknown key (naming the nearest one and the section's keys) or an invalid value.
  void set(const Assignment& assignment);

  /// As set() for each; a key that comes twice is an error that names both places. Nothing is promised about the
  /// configuration after an exception.
  void set_all(const std::vector<Assignment>& assignments);

  /// Sets what an INI text says; `name` stands for it in messages. An unknown section is an error, even an empty one.
  void read_ini(std::string_view text, std::string_view name);

  /// A key's value, by its type in the table; other keys and types are a CheckError.
  const std::string& text(std::string_view key) const;
  std::int64_t integer(std::string_view key) const;
  double real(std::string_view key) const;
  bool boolean(std::string_view key) const;
  std::vector<std::int64_t> integers(std::string_view key) const;

  /// A key's canonical text, whatever its type.
  const std::string& value(std::string_view key) const;

  /// The plan.* keys other than plan.name, with values as given, in order.
  const std::vector<Assignment>& plan() const { return plan_; }

  /// Where a key of the table got its value: "lenet5.ini:12", "--set", "default"; for messages about combinations.
  const std::string& place(std::string_view key) const;

  /// The resolved configuration as INI text: every key, defaults too, in the order of the table, values canonical.
  /// Reads back to an equal configuration, provenance keys apart where they are left out; where marked, a comment says
  /// so.
  std::string to_ini(ProvenanceKeys provenance = ProvenanceKeys::left_out) const;

  /// Identifies the result: over the numerics version and to_ini() without provenance keys. The order of plan.* keys is
  /// part of it.
  formats::Hash64 hash() const;

  /// Equal values for all keys and the same plan.* list; places do not matter.
  friend bool operator==(const Config& a, const Config& b);

 private:
  void assign(const Assignment& assignment);
  void assign_plan_key(const Assignment& assignment);
  const std::string& value_of(std::string_view key, KeyType type) const;

  ValueCheck check_;
  std::vector<std::string> values_;  // in the order of keys()
  std::vector<std::string> places_;
  std::vector<Assignment> plan_;
};

/// Defaults, then the file, then --set, then options: the later wins. Within one source no key may come twice.
Config resolve(const Sources& sources, ValueCheck check = {});

/// The configuration as a commented INI file: for every key its meaning, unit, default and valid values, and a line
/// with its value. Reads back to an equal configuration.
std::string print_config(const Config& config);

}  // namespace precsim::config
