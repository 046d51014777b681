// Tables of kernels: rows of plain data with name and usable(), fastest first, the last one always usable.
#pragma once

#include <fmt/format.h>

#include <span>
#include <string_view>

#include "formats/error.hpp"
#include "formats/grammar.hpp"

namespace precsim::formats {

/// The first row that this CPU can run.
template <class Row>
const Row& best_row(std::span<const Row> table) {
  for (const Row& row : table) {
    if (row.usable()) {
      return row;
    }
  }
  return table.back();
}

/// The row of that name. Raises UserError listing the rows when there is none, or when this CPU cannot run it.
template <class Row>
const Row& find_row(std::string_view kind, std::span<const Row> table, std::string_view name) {
  for (const Row& row : table) {
    if (row.name != name) {
      continue;
    }
    if (!row.usable()) {
      throw UserError(fmt::format("this CPU cannot run the {} '{}'; the fastest that it can run is '{}'", kind, name,
                                  best_row(table).name));
    }
    return row;
  }
  throw unknown_name(kind, name, name, table, &Row::name);
}

}  // namespace precsim::formats
