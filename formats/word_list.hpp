// Lists of words as users write them: blanks between, double quotes about words with blanks.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "formats/error.hpp"

namespace precsim::formats {

/// The words of a blank-separated list; those in double quotes may hold blanks. UserError for a quote that does not
/// end.
std::vector<std::string> words(std::string_view list);

/// The sentence about a wrong word; where its commas may be meant to separate, as in "dfp8,dfp12" and unlike
/// "dfp8:block=32,top=bump", with that advice at the end.
std::string with_comma_advice(std::string sentence, std::string_view word);

/// Calls use(word) with one word after the other; UserErrors about words with such commas get that advice.
template <class Use>
void for_each_word(const std::vector<std::string>& words, Use use) {
  for (const std::string& word : words) {
    try {
      use(word);
    } catch (const UserError& error) {
      throw UserError(with_comma_advice(error.what(), word));
    }
  }
}

}  // namespace precsim::formats
