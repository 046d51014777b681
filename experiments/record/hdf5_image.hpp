// HDF5 files built in memory, so that a full disk meets plain writes and never HDF5; lists of attributes in them.
#pragma once

#include <hdf5.h>

#include <string>

#include "experiments/record/hdf5.hpp"
#include "experiments/record/header.hpp"

namespace precsim::record::hdf5 {

/// An HDF5 file that never touches the disk; readable by every HDF5 since 1.8, without times.
Handle create_in_memory();

/// The bytes of such a file as they stand, sealed.
std::string sealed_image(hid_t file);

/// A group without times.
Handle create_group(hid_t parent, const std::string& name);

void write_attributes(hid_t object, const AttributeList& attributes);

/// Every attribute of an object, by name; Failure if one is none of the types that write_attributes() writes.
AttributeList read_attributes(hid_t object);

}  // namespace precsim::record::hdf5
