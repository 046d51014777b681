// Reader of HDF5 in a process of its own, because HDF5 1.10 itself crashes on some damaged files: the child lists the
// datasets and serves their bytes over a socket; its death becomes a sentence.
#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "experiments/record/bytes.hpp"
#include "experiments/tensor_files/child_process.hpp"
#include "experiments/tensor_files/elements.hpp"
#include "experiments/tensor_files/hdf5_datasets.hpp"

namespace precsim::tensor_files {
namespace {

constexpr std::uint64_t piece_bytes = std::uint64_t{1} << 20;

std::string encode_listing(const std::vector<StoredTensor>& tensors) {
  std::string bytes;
  for (const StoredTensor& tensor : tensors) {
    record::append_text(bytes, tensor.entry.name);
    record::append_text(bytes, tensor.entry.type_text);
    record::append_integer(bytes, static_cast<std::uint64_t>(tensor.entry.type), 1);
    record::append_integer(bytes, tensor.big_endian ? 1 : 0, 1);
    record::append_integer(bytes, tensor.entry.shape.size(), 1);
    for (const std::int64_t extent : tensor.entry.shape) {
      record::append_integer(bytes, static_cast<std::uint64_t>(extent), 8);
    }
  }
  return bytes;
}

/// What a crashed child may have sent is believed no more than a file.
std::vector<StoredTensor> decode_listing(std::string_view bytes, const std::filesystem::path& file) {
  record::ByteReader reader(bytes, file.string());
  std::vector<StoredTensor> tensors;
  while (!reader.at_end()) {
    StoredTensor& tensor = tensors.emplace_back();
    tensor.entry.name = reader.text();
    tensor.entry.type_text = reader.text();
    tensor.entry.type = static_cast<ElementType>(
        std::min<std::uint64_t>(reader.integer(1), static_cast<std::uint64_t>(ElementType::other)));
    tensor.big_endian = reader.integer(1) != 0;
    tensor.entry.shape.resize(reader.integer(1));
    for (std::int64_t& extent : tensor.entry.shape) extent = static_cast<std::int64_t>(reader.integer(8));
    const std::size_t width = std::max<std::size_t>(element_width(tensor.entry.type), 1);
    if (!byte_count(tensor.entry.shape, width)) reader.damaged("a shape is impossible");
  }
  return tensors;
}

/// The life of the child: the listing, then elements of tensors until the other end is closed.
void serve(const ChildEnd& parent, const std::filesystem::path& file) {
  const record::hdf5::Quiet quiet;
  std::optional<Hdf5Datasets> datasets;
  bool going = parent.reply([&] {
    datasets.emplace(file);
    return encode_listing(datasets->tensors());
  });
  for (std::string request; going && parent.next_request(request);) {
    going = parent.reply([&] {
      record::ByteReader reader(request, "a request");
      const std::uint64_t tensor = reader.integer(8);
      const std::uint64_t first = reader.integer(8);
      return datasets->read(tensor, first, reader.integer(8));
    });
  }
}

class Hdf5Store final : public ByteStore {
 public:
  explicit Hdf5Store(std::filesystem::path file)
      : file_(std::move(file)), child_([&](const ChildEnd& parent) { serve(parent, file_); }) {}

  std::vector<StoredTensor> list() {
    std::vector<StoredTensor> tensors = decode_listing(receive(), file_);
    for (const StoredTensor& tensor : tensors) widths_.push_back(element_width(tensor.entry.type));
    return tensors;
  }

  void read(std::size_t tensor, std::uint64_t offset, std::span<std::byte> out) override {
    const std::uint64_t width = widths_.at(tensor);
    while (!out.empty()) {
      const std::uint64_t size = std::min<std::uint64_t>(out.size(), piece_bytes);
      std::string request;
      for (const std::uint64_t value : {std::uint64_t{tensor}, offset / width, size / width}) {
        record::append_integer(request, value, 8);
      }
      child_.send(request);
      const std::string bytes = receive();
      if (bytes.size() != size) refuse(file_, "HDF5 gave fewer elements than it had listed");
      std::memcpy(out.data(), bytes.data(), bytes.size());
      offset += size;
      out = out.subspan(size);
    }
  }

 private:
  std::string receive() {
    std::optional<ChildProcess::Reply> reply = child_.receive();
    if (!reply) {
      refuse(file_, child_.end() ? "it is damaged: HDF5 crashed in reading it"
                                 : "the process that reads it was ended, or did not answer for two minutes");
    }
    if (reply->failed) refuse(file_, reply->content);
    return std::move(reply->content);
  }

  std::filesystem::path file_;
  ChildProcess child_;
  std::vector<std::uint64_t> widths_;
};

}  // namespace

std::unique_ptr<TensorFile> open_hdf5(const std::filesystem::path& file, record::FileDescriptor) {
  auto store = std::make_unique<Hdf5Store>(file);
  std::vector<StoredTensor> tensors = store->list();
  std::vector<std::string> names;
  for (const StoredTensor& tensor : tensors) names.push_back(tensor.entry.name);
  check_names(file, names);
  return make_tensor_file(file, std::move(tensors), std::move(store));
}

}  // namespace precsim::tensor_files
