// Opening by content, and globs; see tensor_file.hpp.
#include "experiments/tensor_files/tensor_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fnmatch.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "experiments/record/file_io.hpp"
#include "experiments/tensor_files/stored_tensors.hpp"
#include "formats/words.hpp"

namespace precsim::tensor_files {
namespace {

using Open = std::unique_ptr<TensorFile> (*)(const std::filesystem::path&, record::FileDescriptor);

struct Signature {
  std::string_view bytes;
  Open open;
};

constexpr std::string_view hdf5_signature = "\x89HDF\r\n\x1a\n";

constexpr Signature signatures[] = {
    {"\x93NUMPY", open_npy}, {"PK\x03\x04", open_npz}, {"PK\x05\x06", open_npz}, {hdf5_signature, open_hdf5}};

/// HDF5 may begin behind a block of the user's own: at byte 512, 1024, 2048 and so on.
bool has_hdf5_inside(int fd, std::uint64_t size, const std::filesystem::path& file) {
  for (std::uint64_t at = 512; at < size; at *= 2) {
    if (record::read_at(fd, at, hdf5_signature.size(), file) == hdf5_signature) return true;
  }
  return false;
}

Open reader_for(int fd, const std::filesystem::path& file) {
  const std::string front = record::read_at(fd, 0, 16, file);
  for (const Signature& signature : signatures) {
    if (front.starts_with(signature.bytes)) return signature.open;
  }
  if (front.size() > 8 && front[8] == '{') return open_safetensors;
  if (has_hdf5_inside(fd, record::file_size(fd, file), file)) return open_hdf5;
  if (file.extension() == ".safetensors") return open_safetensors;
  refuse(file, front.empty()
                   ? "it is empty"
                   : fmt::format("it begins with {}, as none of the valid kinds does: .npy, .npz, .safetensors "
                                 "and HDF5",
                                 formats::quote(front.substr(0, 8))));
}

}  // namespace

std::int64_t TensorEntry::size() const {
  std::int64_t size = 1;
  for (const std::int64_t extent : shape) size *= extent;
  return size;
}

std::unique_ptr<TensorFile> open_tensor_file(const std::filesystem::path& file) {
  record::FileDescriptor descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (descriptor.get() < 0) record::throw_io_error("open", file, errno);
  struct stat status = {};
  if (::fstat(descriptor.get(), &status) != 0) record::throw_io_error("read", file, errno);
  if (!S_ISREG(status.st_mode)) refuse(file, "it is not a regular file");
  const Open open = reader_for(descriptor.get(), file);
  return open(file, std::move(descriptor));
}

std::vector<std::size_t> matching_tensors(const TensorFile& file, std::string_view glob) {
  const std::string pattern(glob);
  std::vector<std::size_t> matching;
  for (std::size_t i = 0; i < file.tensors().size(); ++i) {
    if (::fnmatch(pattern.c_str(), file.tensors()[i].name.c_str(), 0) == 0) matching.push_back(i);
  }
  return matching;
}

}  // namespace precsim::tensor_files
