// Tables of packed rows as HDF5 datasets.
#pragma once

#include <hdf5.h>

#include <string>
#include <string_view>

#include "experiments/record/hdf5.hpp"
#include "experiments/record/table.hpp"

namespace precsim::record::hdf5 {

/// The compound type of pack_row()'s bytes.
Handle row_type(const TableSchema& table);

/// Writes the attributes of a table: description, and unit and description of each column.
void describe(hid_t dataset, const TableSchema& table);

/// A compound dataset at table.path with the table's description and its columns' units and descriptions as attributes:
/// chunked, shuffled, deflated (level 4), without times.
void write_table(hid_t file, const TableSchema& table, std::string_view rows);

/// The packed rows; Failure if the dataset has other columns, or claims more rows than its size can hold.
std::string read_table(hid_t file, const TableSchema& table);

}  // namespace precsim::record::hdf5
