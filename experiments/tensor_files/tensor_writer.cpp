// The writer over any layout; see tensor_writer.hpp.
#include "experiments/tensor_files/tensor_writer.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <utility>

#include "experiments/record/file_io.hpp"
#include "experiments/tensor_files/layout.hpp"
#include "experiments/tensor_files/stored_tensors.hpp"
#include "formats/error.hpp"
#include "formats/words.hpp"

namespace precsim::tensor_files {
namespace {

struct Suffix {
  std::string_view text;
  Container container;
};
constexpr Suffix suffixes[] = {{".npy", Container::npy},
                               {".npz", Container::npz},
                               {".safetensors", Container::safetensors},
                               {".h5", Container::hdf5},
                               {".hdf5", Container::hdf5}};

Layout lay_out(const std::filesystem::path& file, const std::filesystem::path& partial,
               std::span<const TensorSpec> tensors) {
  switch (container_of(file)) {
    case Container::npy:
      if (tensors.size() != 1) {
        throw UserError(
            fmt::format("{} would have to hold {} tensors, and .npy holds one; name an output .npz, "
                        ".safetensors or .h5",
                        file.string(), tensors.size()));
      }
      return lay_out_npy(file, tensors[0]);
    case Container::npz:
      return lay_out_npz(file, tensors);
    case Container::safetensors:
      return lay_out_safetensors(file, tensors);
    case Container::hdf5:
      return lay_out_hdf5(file, partial, tensors);
  }
  throw CheckError("a container without a layout");
}

/// Removes what was begun, unless it has been renamed away.
struct Partial {
  std::filesystem::path path;
  bool armed = false;
  ~Partial() {
    if (armed) ::unlink(path.c_str());
  }
};

}  // namespace

std::size_t storage_width(StorageType type) {
  return storage_row(type).width;
}

Container container_of(const std::filesystem::path& file) {
  const std::string suffix = file.extension().string();
  for (const Suffix& row : suffixes) {
    if (row.text == suffix) return row.container;
  }
  throw UserError(
      fmt::format("the suffix of {} tells no kind of file; valid are .npy, .npz, .safetensors, .h5 and .hdf5",
                  formats::quote(file.string())));
}

bool has_storage(Container container, StorageType type) {
  const StorageRow& row = storage_row(type);
  return container == Container::safetensors ? !row.safetensors.empty() : !row.npy.empty();
}

struct TensorWriter::State {
  std::filesystem::path file;
  std::vector<TensorSpec> tensors;
  Partial partial = {};
  Layout layout = {};
  std::vector<std::uint64_t> written = {};
  record::FileDescriptor descriptor = {};

  void put(const std::vector<Piece>& pieces) {
    for (const Piece& piece : pieces) {
      record::write_all(descriptor.get(), piece.bytes, partial.path, static_cast<long long>(piece.offset));
    }
  }
};

TensorWriter::TensorWriter(const std::filesystem::path& file, std::vector<TensorSpec> tensors)
    : state_(std::make_unique<State>(State{record::resolve_output(file), std::move(tensors)})) {
  const Container container = container_of(state_->file);
  std::vector<std::string> names;
  for (const TensorSpec& tensor : state_->tensors) {
    PRECSIM_CHECK(has_storage(container, tensor.type), tensor.name);
    names.push_back(tensor.name);
  }
  check_names(state_->file, names);
  state_->partial.path = record::partial_path(state_->file);
  record::FileDescriptor created(
      ::open(state_->partial.path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (created.get() < 0) record::throw_io_error("create", state_->partial.path, errno);
  state_->partial.armed = true;
  state_->layout = lay_out(state_->file, state_->partial.path, state_->tensors);
  state_->descriptor = std::move(created);
  state_->written.resize(state_->tensors.size());
  state_->put(state_->layout.pieces);
}

TensorWriter::~TensorWriter() = default;

void TensorWriter::write(std::size_t i, std::span<const std::byte> bytes) {
  if (bytes.empty()) return;  // zlib takes a null pointer for the wish to begin anew
  State& state = *state_;
  std::uint64_t& written = state.written.at(i);
  PRECSIM_CHECK(bytes.size() <= data_bytes(state.tensors[i]) - written, state.tensors[i].name);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  record::write_all(state.descriptor.get(), text, state.partial.path,
                    static_cast<long long>(state.layout.offsets[i] + written));
  written += bytes.size();
  if (state.layout.checksums.empty()) return;
  std::uint32_t& checksum = state.layout.checksums[i];
  checksum =
      static_cast<std::uint32_t>(::crc32_z(checksum, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

void TensorWriter::commit() {
  State& state = *state_;
  for (std::size_t i = 0; i < state.tensors.size(); ++i) {
    PRECSIM_CHECK(state.written[i] == data_bytes(state.tensors[i]), state.tensors[i].name);
  }
  if (state.layout.finish) state.put(state.layout.finish(state.layout.checksums));
  record::move_into_place(state.descriptor.get(), state.partial.path, state.file);
  state.partial.armed = false;
}

}  // namespace precsim::tensor_files
