// Words for error sentences and help: quoting, wrapping, and the nearest valid name.
#include "formats/words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace precsim::formats {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool continues_character(char c) {
  return (static_cast<unsigned char>(c) & 0xc0u) == 0x80u;
}

std::string_view last_component(std::string_view name) {
  return name.substr(name.rfind('.') + 1);
}

}  // namespace

std::string quote(std::string_view text) {
  constexpr std::size_t longest = 60;
  std::size_t end = std::min(text.size(), longest);
  while (end > 0 && end < text.size() && continues_character(text[end])) --end;
  std::string quoted = "'";
  for (const char c : text.substr(0, end)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      quoted += fmt::format("\\x{:02x}", byte);
    } else {
      quoted += c;
    }
  }
  return quoted + (end < text.size() ? "...'" : "'");
}

std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::string join(std::span<const std::string_view> names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " and " : ", ";
    text += names[i];
  }
  return text;
}

std::string wrap(std::string_view text, std::size_t width, std::string_view prefix) {
  std::string lines;
  std::string line;
  while (!(text = trim(text)).empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size());
    if (!line.empty() && prefix.size() + line.size() + 1 + word.size() > width) {
      lines += fmt::format("{}{}\n", prefix, line);
      line.clear();
    }
    if (!line.empty()) line += ' ';
    line += word;
  }
  return line.empty() ? lines : lines + fmt::format("{}{}\n", prefix, line);
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before_last.swap(last);
    last.swap(row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = lower(a[i - 1]) == lower(b[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]);
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
  }
  return row[b.size()];
}

std::string_view nearest(std::string_view text, std::span<const std::string_view> names) {
  if (text.size() > 64) return {};
  const auto search = [&](std::string_view wanted, auto part_of) {
    std::string_view best;
    std::size_t least = 2 * std::max<std::size_t>(2, wanted.size() / 3) + 1;
    for (const std::string_view name : names) {
      const std::string_view part = part_of(name);
      const bool abbreviated = wanted.size() >= 3 && wanted.size() < part.size() && part.starts_with(wanted);
      const std::size_t half_edits = abbreviated ? 1 : 2 * edit_distance(wanted, part);
      if (half_edits >= least) continue;
      least = half_edits;
      best = name;
    }
    return best;
  };
  const std::string_view best = search(text, [](std::string_view name) { return name; });
  return best.empty() ? search(last_component(text), last_component) : best;
}

std::string hint(std::string_view text, std::span<const std::string_view> names) {
  const std::string_view name = nearest(text, names);
  return name.empty() ? std::string() : fmt::format(" (the nearest is '{}')", name);
}

}  // namespace precsim::formats
