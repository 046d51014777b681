// INI text: closes the gaps of Boost.Program_options' parser before the text gets there.
#include "experiments/config/ini.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <fstream>
#include <sstream>
#include <system_error>

#include "formats/error.hpp"
#include "formats/words.hpp"

namespace precsim::config {
using formats::quote;
using formats::trim;
namespace {

// Boost cuts every line at the first '#'; one that belongs to a value passes through it as this byte, which the check
// for control characters keeps out of the text.
constexpr char hidden_hash = '\x01';

std::string_view without_comment(std::string_view line) {
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '#' && (i == 0 || line[i - 1] == ' ' || line[i - 1] == '\t')) return line.substr(0, i);
  }
  return line;
}

bool is_section_name(std::string_view name) {
  const auto valid = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.'; };
  return !name.empty() && name.front() != '.' && name.back() != '.' && std::ranges::all_of(name, valid);
}

void check_bytes(std::string_view line, std::string_view place) {
  for (const char c : line) {
    const auto byte = static_cast<unsigned char>(c);
    if (c != '\t' && (byte < 0x20 || byte == 0x7f)) {
      throw UserError(
          fmt::format("{}: the line holds the control byte 0x{:02x}, but a configuration file is plain text in UTF-8.",
                      place, byte));
    }
  }
}

std::string section_name(std::string_view line, std::string_view place) {
  const std::string_view name = line.back() == ']' ? line.substr(1, line.size() - 2) : std::string_view();
  if (!is_section_name(name)) {
    throw UserError(
        fmt::format("{}: {} is no section, which is a name of a-z, 0-9, '_' and '.' in brackets, such as "
                    "[optimizer].",
                    place, quote(line)));
  }
  return std::string(name);
}

void check_assignment_line(std::string_view line, std::string_view place) {
  if (line.front() == ';') {
    throw UserError(fmt::format("{}: ';' begins no comment, write '#' instead.", place));
  }
  if (line.find('=') == std::string_view::npos || line.front() == '=') {
    throw UserError(fmt::format("{}: {} is neither '[section]' nor 'key = value' nor a comment, which begins with '#'.",
                                place, quote(line)));
  }
}

std::vector<boost::program_options::option> parse_with_boost(const std::string& text) {
  std::istringstream stream(text);
  const boost::program_options::options_description nothing_registered;
  constexpr bool allow_unregistered = true;
  return boost::program_options::parse_config_file(stream, nothing_registered, allow_unregistered).options;
}

}  // namespace

IniText parse_ini(std::string_view text, std::string_view name) {
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());

  IniText result;
  std::string cleaned;
  std::vector<std::string> places;
  for (std::size_t number = 1; !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    std::string place = fmt::format("{}:{}", name, number);
    check_bytes(line, place);
    line = trim(without_comment(line));
    if (line.empty()) continue;
    if (line.front() == '[') {
      result.sections.push_back({section_name(line, place), place});
    } else {
      check_assignment_line(line, place);
      places.push_back(std::move(place));
    }
    cleaned += line;
    cleaned += '\n';
  }
  std::ranges::replace(cleaned, '#', hidden_hash);

  const auto options = parse_with_boost(cleaned);
  PRECSIM_CHECK(options.size() == places.size(), fmt::format("{} != {}", options.size(), places.size()));
  for (std::size_t i = 0; i < options.size(); ++i) {
    PRECSIM_CHECK(options[i].value.size() == 1, options[i].string_key);
    Assignment assignment{options[i].string_key, options[i].value.front(), places[i]};
    std::ranges::replace(assignment.key, hidden_hash, '#');
    std::ranges::replace(assignment.value, hidden_hash, '#');
    result.assignments.push_back(std::move(assignment));
  }
  return result;
}

std::string read_config_file(const std::filesystem::path& path, std::string_view kind) {
  constexpr std::size_t largest = std::size_t{1} << 20;
  const std::string name = quote(path.string());
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) {
    throw UserError(fmt::format("The {} file {} does not exist.", kind, name));
  }
  if (status.type() != std::filesystem::file_type::regular) {
    throw UserError(fmt::format("The {} file {} is not a regular file that can be read.", kind, name));
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) throw UserError(fmt::format("The {} file {} cannot be opened for reading.", kind, name));
  std::string text(largest + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) throw UserError(fmt::format("The {} file {} cannot be read.", kind, name));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > largest) {
    throw UserError(fmt::format("The {} file {} is larger than the 1 MiB that one may have.", kind, name));
  }
  return text;
}

Assignment parse_assignment(std::string_view assignment, std::string_view place) {
  const std::size_t equals = assignment.find('=');
  const std::string_view key = trim(assignment.substr(0, equals));
  if (equals == std::string_view::npos || key.empty()) {
    throw UserError(fmt::format("{}: {} does not have the form section.key=value, such as optimizer.lr=0.1.", place,
                                quote(assignment)));
  }
  return {std::string(key), std::string(trim(assignment.substr(equals + 1))), std::string(place)};
}

}  // namespace precsim::config
