// Reader of .npy: one array.
#include <utility>

#include "experiments/tensor_files/npy_header.hpp"

namespace precsim::tensor_files {

std::unique_ptr<TensorFile> open_npy(const std::filesystem::path& file, record::FileDescriptor descriptor) {
  const int fd = descriptor.get();
  NpyHeader header =
      read_npy_header([&](std::uint64_t offset, std::size_t size) { return record::read_at(fd, offset, size, file); },
                      record::file_size(fd, file), file, "");
  if (header.pickled) {
    refuse(file, "it holds pickled Python objects; save an array of a float type instead (x.astype('float32'))");
  }
  header.tensor.entry.name = file.stem().string();
  return make_tensor_file(file, {header.tensor}, make_file_store(std::move(descriptor), {header.data_offset}, file));
}

}  // namespace precsim::tensor_files
