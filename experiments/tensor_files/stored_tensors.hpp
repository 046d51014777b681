// What the readers share: tensors as they lie in a file, and the TensorFile over them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/record/file_io.hpp"
#include "experiments/tensor_files/tensor_file.hpp"

namespace precsim::tensor_files {

/// UserError: "<file> cannot be read: <why>".
[[noreturn]] void refuse(const std::filesystem::path& file, std::string_view why);

/// The bytes of a shape's elements; nothing for negative extents, more than 64 of them, or more than 2^62 bytes.
std::optional<std::uint64_t> byte_count(std::span<const std::int64_t> shape, std::size_t width);

/// Refuses names that are not UTF-8, hold a NUL, or occur twice.
void check_names(const std::filesystem::path& file, std::span<const std::string> names);
bool is_utf8(std::string_view text);

/// The largest tensors that deflate can make of `stored` bytes; what claims more is not worth an allocation.
std::uint64_t most_inflated(std::uint64_t stored);

struct StoredTensor {
  TensorEntry entry;
  bool big_endian = false;
  bool fortran_order = false;
};

/// Where the elements come from.
class ByteStore {
 public:
  ByteStore() = default;
  ByteStore(const ByteStore&) = delete;
  ByteStore& operator=(const ByteStore&) = delete;
  virtual ~ByteStore() = default;

  /// Bytes [offset, offset + out.size()) of the elements of a tensor, as stored; the range lies within the tensor.
  /// UserError when the file does not have them (any more).
  virtual void read(std::size_t tensor, std::uint64_t offset, std::span<std::byte> out) = 0;
};

/// Fills `out` from a place in a file, never by mapping it: a file cut meanwhile is a sentence.
void read_exactly(int fd, std::uint64_t offset, std::span<std::byte> out, const std::filesystem::path& file);

/// Tensors at places in a plain file.
std::unique_ptr<ByteStore> make_file_store(record::FileDescriptor descriptor, std::vector<std::uint64_t> offsets,
                                           const std::filesystem::path& file);

std::unique_ptr<TensorFile> make_tensor_file(const std::filesystem::path& file, std::vector<StoredTensor> tensors,
                                             std::unique_ptr<ByteStore> store);

// One reader for each kind of file; `descriptor` is of the opened regular file.
std::unique_ptr<TensorFile> open_npy(const std::filesystem::path& file, record::FileDescriptor descriptor);
std::unique_ptr<TensorFile> open_npz(const std::filesystem::path& file, record::FileDescriptor descriptor);
std::unique_ptr<TensorFile> open_safetensors(const std::filesystem::path& file, record::FileDescriptor descriptor);
std::unique_ptr<TensorFile> open_hdf5(const std::filesystem::path& file, record::FileDescriptor descriptor);

}  // namespace precsim::tensor_files
