// Reader of .npz: .npy arrays in a zip archive, stored or deflated.
#include <fmt/format.h>
#include <zip.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "experiments/tensor_files/npy_header.hpp"
#include "formats/error.hpp"
#include "formats/words.hpp"

namespace precsim::tensor_files {
namespace {

struct CloseArchive {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct CloseMember {
  void operator()(zip_file_t* member) const { zip_fclose(member); }
};
using Archive = std::unique_ptr<zip_t, CloseArchive>;
using Member = std::unique_ptr<zip_file_t, CloseMember>;

std::string error_text(int code) {
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  const std::string text = zip_error_strerror(&error);
  zip_error_fini(&error);
  return text;
}

Archive open_archive(const std::filesystem::path& file) {
  int code = 0;
  Archive archive(zip_open(file.c_str(), ZIP_RDONLY | ZIP_CHECKCONS, &code));
  if (!archive) refuse(file, fmt::format("its zip archive is damaged ({})", error_text(code)));
  return archive;
}

/// The members of an archive, one of them open at a time.
class Members {
 public:
  explicit Members(const std::filesystem::path& file) : file_(file), archive_(open_archive(file)) {}

  std::uint64_t count() const { return static_cast<std::uint64_t>(zip_get_num_entries(archive_.get(), 0)); }

  /// Name and sizes, once they are believable.
  zip_stat_t describe(std::uint64_t member) const {
    zip_stat_t stat;
    zip_stat_init(&stat);
    constexpr zip_uint64_t needed = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
    if (zip_stat_index(archive_.get(), member, ZIP_FL_ENC_RAW, &stat) != 0 || (stat.valid & needed) != needed) {
      refuse(file_, fmt::format("its member {} has no description", member));
    }
    const std::string name = formats::quote(stat.name);
    if (stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE) {
      refuse(file_,
             fmt::format("{} is compressed with method {}; valid are stored and deflated", name, stat.comp_method));
    }
    const bool stored = stat.comp_method == ZIP_CM_STORE;
    if (stored ? stat.size != stat.comp_size : stat.size > most_inflated(stat.comp_size)) {
      refuse(file_, fmt::format("{} claims {} bytes, which {} bytes in the archive cannot hold", name, stat.size,
                                stat.comp_size));
    }
    return stat;
  }

  /// Up to out.size() bytes of the content of a member from `offset` on, fewer at its end.
  std::size_t read(std::uint64_t member, std::uint64_t offset, std::span<std::byte> out) {
    if (!open_ || member != open_member_ || offset < position_) reopen(member);
    while (position_ < offset) {
      skipped_.resize(std::size_t{1} << 16);
      const std::span<std::byte> passed(skipped_);
      if (read_some(passed.first(std::min<std::uint64_t>(passed.size(), offset - position_))) == 0) return 0;
    }
    std::size_t done = 0;
    while (done < out.size()) {
      const std::size_t got = read_some(out.subspan(done));
      if (got == 0) break;
      done += got;
    }
    return done;
  }

 private:
  void reopen(std::uint64_t member) {
    open_.reset(zip_fopen_index(archive_.get(), member, 0));
    if (!open_) damaged(member, zip_strerror(archive_.get()));
    open_member_ = member;
    position_ = 0;
  }
  /// At the end of a member libzip compares its checksum.
  std::size_t read_some(std::span<std::byte> out) {
    const zip_int64_t got = zip_fread(open_.get(), out.data(), out.size());
    if (got < 0) damaged(open_member_, zip_file_strerror(open_.get()));
    position_ += static_cast<std::uint64_t>(got);
    return static_cast<std::size_t>(got);
  }
  [[noreturn]] void damaged(std::uint64_t member, const char* why) const {
    const char* name = zip_get_name(archive_.get(), member, ZIP_FL_ENC_RAW);
    refuse(file_, fmt::format("its member {} is damaged ({})", formats::quote(name == nullptr ? "" : name), why));
  }

  std::filesystem::path file_;
  Archive archive_;
  Member open_;
  std::uint64_t open_member_ = 0;
  std::uint64_t position_ = 0;
  std::vector<std::byte> skipped_;
};

struct Place {
  std::uint64_t member = 0;
  std::uint64_t data_offset = 0;
  std::uint64_t size = 0;  ///< of the member
};

class NpzStore final : public ByteStore {
 public:
  NpzStore(Members members, std::vector<Place> places, std::filesystem::path file)
      : members_(std::move(members)), places_(std::move(places)), file_(std::move(file)) {}

  void read(std::size_t tensor, std::uint64_t offset, std::span<std::byte> out) override {
    const Place& place = places_[tensor];
    const std::uint64_t from = place.data_offset + offset;
    if (members_.read(place.member, from, out) != out.size()) {
      refuse(file_, fmt::format("member {} of its archive is shorter than it claims", place.member));
    }
    std::byte behind{};
    if (from + out.size() == place.size && members_.read(place.member, place.size, std::span(&behind, 1)) != 0) {
      refuse(file_, fmt::format("member {} of its archive is longer than it claims", place.member));
    }
  }

 private:
  Members members_;
  std::vector<Place> places_;
  std::filesystem::path file_;
};

}  // namespace

std::unique_ptr<TensorFile> open_npz(const std::filesystem::path& file, record::FileDescriptor) {
  Members members(file);
  std::vector<StoredTensor> tensors;
  std::vector<Place> places;
  std::vector<std::string> names;
  for (std::uint64_t member = 0; member < members.count(); ++member) {
    const zip_stat_t stat = members.describe(member);
    std::string name = stat.name;
    if (!name.ends_with(".npy")) {
      refuse(file, fmt::format("its member {} is no .npy array, so it is not what numpy.savez writes (to use a PyTorch "
                               "checkpoint, save its tensors as .safetensors or with numpy.savez)",
                               formats::quote(name)));
    }
    const auto read = [&](std::uint64_t offset, std::size_t size) {
      std::string bytes(size, '\0');
      bytes.resize(members.read(member, offset, std::as_writable_bytes(std::span(bytes))));
      return bytes;
    };
    NpyHeader header = read_npy_header(read, stat.size, file, formats::quote(name));
    if (header.pickled) header.tensor.entry.type_text = "object (pickled)";
    header.tensor.entry.name = name.substr(0, name.size() - 4);
    names.push_back(header.tensor.entry.name);
    tensors.push_back(std::move(header.tensor));
    places.push_back({member, header.data_offset, stat.size});
  }
  check_names(file, names);
  return make_tensor_file(file, std::move(tensors),
                          std::make_unique<NpzStore>(std::move(members), std::move(places), file));
}

}  // namespace precsim::tensor_files
