// The checksum behind the HDF5 content of a record: damage is told before HDF5's parser meets it.
#pragma once

#include <filesystem>
#include <string>

namespace precsim::record {

/// Adds the seal to the bytes of an HDF5 file: "PRECSIM1" and the CRC-32 (zlib, little-endian) of all bytes before.
/// HDF5 takes no notice of bytes behind its own, and drops them when another program changes the file.
void add_seal(std::string& image);

/// Checks the seal of a regular file; UserError if it does not match. A file without one (of another program, or
/// changed by one) passes, and the result is false. HDF5 1.10 can crash on flipped bits in its metadata; on sealed
/// files it never gets to see them.
bool check_seal(const std::filesystem::path& file);

}  // namespace precsim::record
