// The text of a study file: sections, lists of words, checked settings; what is there twice.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/config/ini.hpp"

namespace precsim::study {

/// Characters that a name or label may have.
inline constexpr std::size_t longest_name = 64;

/// UserError "PLACE: WHY".
[[noreturn]] void refuse(const std::string& place, const std::string& why);

/// Each thing once; a second one is refused with the place of the first.
class Once {
 public:
  explicit Once(std::string what) : what_(std::move(what)) {}
  void add(const std::string& name, const std::string& place);

 private:
  std::string what_;
  std::map<std::string, std::string> places_;
};

/// The assignments of one section, the section's name off their keys.
struct Part {
  std::string kind;  ///< "axes", "point"
  std::string name;  ///< of [point.NAME], else empty
  std::string place;
  std::vector<config::Assignment> lines;
};

/// The sections of a study file, in order. UserError for unknown ones, repeated ones, and lines outside of all.
std::vector<Part> parts_of(const config::IniText& ini);

/// The words of a line's value, a blank-separated list; the sentence about a wrong one begins with the line's place.
std::vector<std::string> words_of(const config::Assignment& line);

/// UserError for a key that a study sets for every run by itself.
void check_key(const config::Assignment& assignment);

/// With values in their canonical form. UserError for what no configuration would take, check_key(), keys given twice.
config::Assignment checked(const config::Assignment& assignment);
std::vector<config::Assignment> checked(const std::vector<config::Assignment>& assignments);

}  // namespace precsim::study
