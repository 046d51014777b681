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

void write_provenance(hid_t file, const AttributeList& attributes, const Identity& identity) {
  const Handle group = hdf5::create_group(file, "provenance");
  hdf5::write_attributes(group, attributes);
  hdf5::write_attribute(group, "record_id", identity.id);
  hdf5::write_attribute(group, "record_generation", static_cast<std::int64_t>(identity.generation));
}

}  // namespace

std::string run_image(const RunContents& contents, const Identity& identity) {
  return hdf5::building([&] {
    const Handle file = hdf5::create_in_memory();
    hdf5::write_attributes(file, contents.header.run);
    for (std::size_t i = 0; i < contents.tables.size(); ++i)
      hdf5::write_table(file, contents.tables[i], contents.rows[i]);
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
    for (const TableSchema& table : tables) rows.push_back(hdf5::read_table(file, table));
    return rows;
  });
}

}  // namespace precsim::record
