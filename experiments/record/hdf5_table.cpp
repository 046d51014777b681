// Tables as HDF5 sees them; see hdf5_table.hpp.
#include "experiments/record/hdf5_table.hpp"

namespace precsim::record::hdf5 {
namespace {

Handle cell_type(const Column& column) {
  if (column.type == ColumnType::text) {
    Handle text(H5Tcopy(H5T_C_S1), H5Tclose, "creating a text type");
    require(H5Tset_size(text, static_cast<std::size_t>(column.length)), "sizing a text type");
    require(H5Tset_strpad(text, H5T_STR_NULLPAD), "padding a text type");
    require(H5Tset_cset(text, H5T_CSET_UTF8), "setting a character set");
    return text;
  }
  const hid_t scalar = column.type == ColumnType::int64    ? H5T_STD_I64LE
                       : column.type == ColumnType::uint64 ? H5T_STD_U64LE
                                                           : H5T_IEEE_F64LE;
  if (column.length == 1) return {H5Tcopy(scalar), H5Tclose, "creating a number type"};
  const auto length = static_cast<hsize_t>(column.length);
  return {H5Tarray_create2(scalar, 1, &length), H5Tclose, "creating an array type"};
}

}  // namespace

Handle row_type(const TableSchema& table) {
  Handle type(H5Tcreate(H5T_COMPOUND, row_bytes(table)), H5Tclose, "creating a row type");
  std::size_t offset = 0;
  for (const Column& column : table.columns) {
    require(H5Tinsert(type, column.name.c_str(), offset, cell_type(column)), "adding a column");
    offset += column_bytes(column);
  }
  return type;
}

void describe(hid_t dataset, const TableSchema& table) {
  write_attribute(dataset, "description", table.description);
  for (const Column& column : table.columns) {
    write_attribute(dataset, "unit:" + column.name, column.unit);
    write_attribute(dataset, "description:" + column.name, column.description);
  }
}

}  // namespace precsim::record::hdf5
