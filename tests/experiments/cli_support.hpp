// What the tests of configuration and command line share.
#pragma once

#include <string>

#include "formats/error.hpp"

namespace precsim::tests {

/// The sentence of the UserError that `action` throws; empty when it throws none.
template <typename Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const UserError& error) {
    return error.what();
  }
  return {};
}

}  // namespace precsim::tests
