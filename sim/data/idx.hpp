// Reads IDX files of unsigned bytes (the format of MNIST), plain or gzip.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

namespace precsim::data {

/// `count` items, each of the shape asked for, last dimension fastest.
struct IdxItems {
  std::int64_t count = 0;
  std::vector<std::uint8_t> values;
};

/// Reads the whole file: magic number 0x0000080D (D dimensions), D big-endian 32-bit sizes, the bytes. Whether it is
/// gzip is decided by its content, not its name. `item_shape` is every dimension but the first.
/// Raises UserError, naming the file and what is valid, for: a file that cannot be read, another magic number or item
/// shape, no items, a file that is too short or too long for its header, a damaged or cut gzip stream. Memory grows
/// with the bytes that are really there, whatever the header says. What follows the end of a gzip stream and is not
/// gzip is ignored, as gunzip does.
IdxItems read_idx(const std::string& path, std::initializer_list<std::uint32_t> item_shape);

}  // namespace precsim::data
