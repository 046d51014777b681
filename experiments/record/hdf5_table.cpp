// Tables of packed rows as HDF5 datasets.
#include "experiments/record/hdf5_table.hpp"

#include <algorithm>

namespace precsim::record::hdf5 {
namespace {

constexpr std::size_t chunk_bytes = 65536;
constexpr unsigned deflate_level = 4;

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

void write_table(hid_t file, const TableSchema& table, std::string_view rows) {
  const hsize_t count = rows.size() / row_bytes(table);
  const hsize_t unlimited = H5S_UNLIMITED;
  const hsize_t chunk = std::max<std::size_t>(1, chunk_bytes / row_bytes(table));
  const Handle type = row_type(table);
  const Handle space(H5Screate_simple(1, &count, &unlimited), H5Sclose, "creating a data space");
  const Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "creating properties");
  require(H5Pset_obj_track_times(properties, false), "switching times off");
  require(H5Pset_chunk(properties, 1, &chunk), "setting the chunk size");
  require(H5Pset_shuffle(properties), "setting shuffle");
  require(H5Pset_deflate(properties, deflate_level), "setting deflate");
  const Handle dataset(H5Dcreate2(file, table.path.c_str(), type, space, H5P_DEFAULT, properties, H5P_DEFAULT),
                       H5Dclose, fmt::format("creating {}", table.path));
  describe(dataset, table);
  if (count > 0) {
    require(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows.data()), fmt::format("writing {}", table.path));
  }
}

std::string read_table(hid_t file, const TableSchema& table) {
  const Handle dataset(H5Dopen2(file, table.path.c_str(), H5P_DEFAULT), H5Dclose,
                       fmt::format("opening the table {}", table.path));
  const Handle stored(H5Dget_type(dataset), H5Tclose, "opening a type");
  const Handle type = row_type(table);
  if (require(H5Tequal(stored, type), "comparing types") == 0) {
    throw Failure(fmt::format("the table {} has other columns than it should have", table.path));
  }
  const Handle space(H5Dget_space(dataset), H5Sclose, "opening a data space");
  hsize_t count = 0;
  if (H5Sget_simple_extent_ndims(space) != 1 || H5Sget_simple_extent_dims(space, &count, nullptr) != 1 ||
      !holds_bytes(dataset, count, row_bytes(table))) {
    throw Failure(fmt::format("the table {} has an impossible length", table.path));
  }
  std::string rows(count * row_bytes(table), '\0');
  if (count > 0) {
    require(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows.data()), fmt::format("reading {}", table.path));
  }
  return rows;
}

}  // namespace precsim::record::hdf5
