// Tables as HDF5 sees them: the type of their rows, and what their attributes say.
#pragma once

#include "experiments/record/hdf5.hpp"
#include "experiments/record/table.hpp"

namespace precsim::record::hdf5 {

/// The compound type of pack_row()'s bytes.
Handle row_type(const TableSchema& table);

/// Writes the attributes of a table: description, and unit and description of each column.
void describe(hid_t dataset, const TableSchema& table);

}  // namespace precsim::record::hdf5
