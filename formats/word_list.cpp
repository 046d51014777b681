// Splitting lists; see word_list.hpp.
#include "formats/word_list.hpp"

#include <fmt/format.h>

#include <utility>

#include "formats/words.hpp"

namespace precsim::formats {

std::vector<std::string> words(std::string_view list) {
  std::vector<std::string> result;
  bool in_word = false;
  bool in_quotes = false;
  for (const char c : list) {
    if (!in_quotes && (c == ' ' || c == '\t' || c == '\n')) {
      in_word = false;
      continue;
    }
    if (!std::exchange(in_word, true)) result.emplace_back();
    if (c == '"') {
      in_quotes = !in_quotes;
    } else {
      result.back() += c;
    }
  }
  if (in_quotes) throw UserError(fmt::format("a quote does not end in {}", quote(list)));
  return result;
}

std::string with_comma_advice(std::string sentence, std::string_view word) {
  for (std::size_t comma = word.find(','); comma != std::string_view::npos; comma = word.find(',')) {
    word.remove_prefix(comma + 1);
    const std::string_view next = word.substr(0, word.find(','));
    const bool is_option = next.find('=') != std::string_view::npos && next.find(':') == std::string_view::npos;
    if (!is_option) {
      if (sentence.ends_with('.')) sentence.pop_back();
      return sentence + "; if a list is meant, separate its words with blanks, not commas";
    }
  }
  return sentence;
}

}  // namespace precsim::formats
