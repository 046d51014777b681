// Building the HDF5 file of a record; reading it back.
#include "experiments/record/run_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "experiments/record/hdf5_image.hpp"
#include "experiments/record/hdf5_table.hpp"
#include "formats/error.hpp"

namespace precsim::record {
namespace {

using hdf5::Handle;
using hdf5::require;

constexpr std::size_t chunk_bytes = 65536;
constexpr unsigned deflate_level = 4;

void write_table(hid_t file, const TableSchema& table, const std::string& rows) {
  const hsize_t count = rows.size() / row_bytes(table);
  const hsize_t unlimited = H5S_UNLIMITED;
  const hsize_t chunk = std::max<std::size_t>(1, chunk_bytes / row_bytes(table));
  const Handle type = hdf5::row_type(table);
  const Handle space(H5Screate_simple(1, &count, &unlimited), H5Sclose, "creating a data space");
  const Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "creating properties");
  require(H5Pset_obj_track_times(properties, false), "switching times off");
  require(H5Pset_chunk(properties, 1, &chunk), "setting the chunk size");
  require(H5Pset_shuffle(properties), "setting shuffle");
  require(H5Pset_deflate(properties, deflate_level), "setting deflate");
  const Handle dataset(H5Dcreate2(file, table.path.c_str(), type, space, H5P_DEFAULT, properties, H5P_DEFAULT),
                       H5Dclose, fmt::format("creating {}", table.path));
  hdf5::describe(dataset, table);
  if (count > 0) {
    require(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows.data()), fmt::format("writing {}", table.path));
  }
}

void write_provenance(hid_t file, const AttributeList& attributes, const Identity& identity) {
  const Handle group = hdf5::create_group(file, "provenance");
  hdf5::write_attributes(group, attributes);
  hdf5::write_attribute(group, "record_id", identity.id);
  hdf5::write_attribute(group, "record_generation", static_cast<std::int64_t>(identity.generation));
}

std::string read_table(hid_t file, const TableSchema& table) {
  const Handle dataset(H5Dopen2(file, table.path.c_str(), H5P_DEFAULT), H5Dclose,
                       fmt::format("opening the table {}", table.path));
  const Handle stored(H5Dget_type(dataset), H5Tclose, "opening a type");
  const Handle type = hdf5::row_type(table);
  if (require(H5Tequal(stored, type), "comparing types") == 0) {
    throw hdf5::Failure(fmt::format("the table {} has other columns than it should have", table.path));
  }
  const Handle space(H5Dget_space(dataset), H5Sclose, "opening a data space");
  hsize_t count = 0;
  if (H5Sget_simple_extent_ndims(space) != 1 || H5Sget_simple_extent_dims(space, &count, nullptr) != 1 ||
      !hdf5::holds_bytes(dataset, count, row_bytes(table))) {
    throw hdf5::Failure(fmt::format("the table {} has an impossible length", table.path));
  }
  std::string rows(count * row_bytes(table), '\0');
  if (count > 0) {
    require(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows.data()), fmt::format("reading {}", table.path));
  }
  return rows;
}

}  // namespace

std::string run_image(const RunContents& contents, const Identity& identity) {
  return hdf5::building([&] {
    const Handle file = hdf5::create_in_memory();
    hdf5::write_attributes(file, contents.header.run);
    for (std::size_t i = 0; i < contents.tables.size(); ++i) write_table(file, contents.tables[i], contents.rows[i]);
    write_provenance(file, contents.header.provenance, identity);
    return hdf5::sealed_image(file);
  });
}

std::optional<Identity> read_identity(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return std::nullopt;
  return hdf5::reading(path, [&]() -> std::optional<Identity> {
    const Handle file = hdf5::open_for_reading(path);
    const Handle group(H5Gopen2(file, "provenance", H5P_DEFAULT), H5Gclose, "opening /provenance");
    return Identity{hdf5::read_text_attribute(group, "record_id"),
                    static_cast<std::uint64_t>(hdf5::read_integer_attribute(group, "record_generation"))};
  });
}

RecordHeader read_header(const std::filesystem::path& path) {
  return hdf5::reading(path, [&] {
    const Handle file = hdf5::open_for_reading(path);
    const Handle group(H5Gopen2(file, "provenance", H5P_DEFAULT), H5Gclose, "opening /provenance");
    RecordHeader header{hdf5::read_attributes(file), hdf5::read_attributes(group)};
    std::erase_if(header.provenance, [](const Attribute& attribute) {
      return attribute.name == "record_id" || attribute.name == "record_generation";
    });
    return header;
  });
}

std::vector<std::string> read_rows(const std::filesystem::path& path, std::span<const TableSchema> tables) {
  return hdf5::reading(path, [&] {
    const Handle file = hdf5::open_for_reading(path);
    std::vector<std::string> rows;
    for (const TableSchema& table : tables) rows.push_back(read_table(file, table));
    return rows;
  });
}

}  // namespace precsim::record
