// Raises CheckError.
#include "formats/error.hpp"

#include <fmt/format.h>

namespace precsim {

void check_failed(const char* expression, const std::string& values, const char* file, int line) {
  throw CheckError(fmt::format("internal check failed: {} ({}) at {}:{}", expression, values, file, line));
}

}  // namespace precsim
