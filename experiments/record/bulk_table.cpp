// Tables longer than memory; see bulk_table.hpp.
#include "experiments/record/bulk_table.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "experiments/record/hdf5_table.hpp"

namespace precsim::record {
namespace {

using hdf5::Handle;
using hdf5::require;

constexpr std::size_t piece_bytes = std::size_t{1} << 20;

std::filesystem::path folder_of(const std::filesystem::path& file) {
  return file.has_parent_path() ? file.parent_path() : ".";
}

}  // namespace

BulkTable::BulkTable(std::filesystem::path output, TableSchema table)
    : output_(std::move(output)), table_(std::move(table)), spooled_(unnamed_file(folder_of(output_))) {}

void BulkTable::append(std::span<const Cell> row) {
  buffer_ += pack_row(table_, row);
  if (buffer_.size() >= piece_bytes) {
    spool();
  }
}

void BulkTable::spool() {
  write_all(spooled_.get(), buffer_, output_);
  bytes_ += buffer_.size();
  buffer_.clear();
}

void BulkTable::write_behind(std::string_view image) {
  spool();
  replace_file(output_, [&](int fd, const std::filesystem::path& partial) {
    write_all(fd, image, partial);
    const std::uint64_t offset = make_room(partial);
    copy_rows(fd, offset, partial);
  });
}

/// Where in the file the rows go.
std::uint64_t BulkTable::make_room(const std::filesystem::path& partial) const {
  const hdf5::Quiet quiet;
  try {
    const Handle file(H5Fopen(partial.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), H5Fclose, "opening the file");
    const hsize_t count = bytes_ / row_bytes(table_);
    const Handle space(H5Screate_simple(1, &count, nullptr), H5Sclose, "creating a data space");
    const Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "creating properties");
    require(H5Pset_obj_track_times(properties, false), "switching times off");
    require(H5Pset_alloc_time(properties, H5D_ALLOC_TIME_EARLY), "choosing when to allocate");
    require(H5Pset_fill_time(properties, H5D_FILL_TIME_NEVER), "choosing not to fill");
    const Handle type = hdf5::row_type(table_);
    const Handle dataset(H5Dcreate2(file, table_.path.c_str(), type, space, H5P_DEFAULT, properties, H5P_DEFAULT),
                         H5Dclose, fmt::format("creating {}", table_.path));
    hdf5::describe(dataset, table_);
    require(H5Fflush(file, H5F_SCOPE_LOCAL), "flushing the file");
    return count == 0 ? 0 : H5Dget_offset(dataset);
  } catch (const hdf5::Failure& failure) {
    throw UserError(fmt::format("cannot write {}: {}", output_.string(), failure.what()));
  }
}

void BulkTable::copy_rows(int to, std::uint64_t offset, const std::filesystem::path& partial) const {
  for (std::uint64_t done = 0; done < bytes_;) {
    const std::string piece = read_at(
        spooled_.get(), done, static_cast<std::size_t>(std::min<std::uint64_t>(piece_bytes, bytes_ - done)), output_);
    PRECSIM_CHECK(!piece.empty(), "rows that were written are not there");
    write_all(to, piece, partial, static_cast<long long>(offset + done));
    done += piece.size();
  }
}

}  // namespace precsim::record
