// INI text, as configuration files hold it: sections and assignments, each with its place.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace precsim::config {

/// A value given to a key, and where: "lenet5.ini:12", "--seed".
struct Assignment {
  std::string key;
  std::string value;
  std::string place;
};

struct Section {
  std::string name;
  std::string place;
};

struct IniText {
  std::vector<Section> sections;
  std::vector<Assignment> assignments;
};

/// Reads `[section]`, `key = value` and `# comment` lines; keys come back as "section.key". `name` stands for the text
/// in places. Key and section names are not looked up, and a key may come twice: Config decides.
///
/// A comment begins at a '#' that starts the line or follows a blank; any other '#' belongs to the value. ';' begins no
/// comment: a line starting with it is refused, so that nobody's note is read as a setting. A byte-order mark and CRLF
/// line ends are accepted; other control characters (so every binary file) are refused, as is a line that is none of
/// the three. Throws UserError with the place.
IniText parse_ini(std::string_view text, std::string_view name);

/// The file's content. Throws UserError, which calls the file by `kind`, when it is missing, no regular file, unreadable,
/// or larger than 1 MiB.
std::string read_config_file(const std::filesystem::path& path, std::string_view kind = "configuration");

/// `assignment` as on a command line, "section.key=value", with `place` for the messages. Blanks around key and value
/// are dropped. Throws UserError when it has no '='.
Assignment parse_assignment(std::string_view assignment, std::string_view place);

}  // namespace precsim::config
