// The two kinds of errors: the user's (UserError) and ours (CheckError, through PRECSIM_CHECK).
#pragma once

#include <stdexcept>
#include <string>

namespace precsim {

/// A mistake of the user, told in one full sentence: what, where, and which values are valid.
/// The program catches it once, in main, prints the sentence and exits with code 2.
class UserError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A broken promise of this library: a bug, never the user's doing.
class CheckError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// Throws CheckError with the expression, its values in words, and the place.
[[noreturn]] void check_failed(const char* expression, const std::string& values, const char* file, int line);

}  // namespace precsim

/// Checks an invariant in every build type; `values` is a std::string expression, evaluated only on failure.
#define PRECSIM_CHECK(expression, values)                                 \
  do {                                                                    \
    if (!(expression)) {                                                  \
      ::precsim::check_failed(#expression, (values), __FILE__, __LINE__); \
    }                                                                     \
  } while (false)
