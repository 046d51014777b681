// Layout of .npz: a zip archive of stored members whose places are known before their data (PKWARE APPNOTE 6.3.10).
#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <utility>

#include "experiments/record/bytes.hpp"
#include "experiments/tensor_files/layout.hpp"
#include "experiments/tensor_files/npy_header.hpp"
#include "formats/error.hpp"
#include "formats/words.hpp"

namespace precsim::tensor_files {
namespace {

using record::append_integer;

constexpr std::uint64_t all_ones_32 = 0xffffffff;
constexpr std::size_t checksum_at = 14;  // in a member's own header

struct Member {
  std::string name;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;

  bool is_large() const { return size >= all_ones_32; }
  bool is_far() const { return offset >= all_ones_32; }
};

/// The fields that a member's own header and the directory share, from "version needed" to the length of the name.
std::string common_fields(const Member& member, std::uint32_t checksum, bool zip64) {
  const bool ascii = std::ranges::all_of(member.name, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  constexpr std::uint64_t utf8_name = 0x800;
  constexpr std::uint64_t first_of_january_1980 = 0x21;
  std::string bytes;
  append_integer(bytes, zip64 ? 45 : 20, 2);
  append_integer(bytes, ascii ? 0 : utf8_name, 2);
  append_integer(bytes, 0, 2);  // stored
  append_integer(bytes, 0, 2);
  append_integer(bytes, first_of_january_1980, 2);
  append_integer(bytes, checksum, 4);
  append_integer(bytes, std::min(member.size, all_ones_32), 4);
  append_integer(bytes, std::min(member.size, all_ones_32), 4);
  append_integer(bytes, member.name.size(), 2);
  return bytes;
}

/// The zip64 field for what does not fit 32 bits.
std::string zip64_field(const Member& member, bool with_offset) {
  std::string values;
  if (member.is_large()) {
    append_integer(values, member.size, 8);
    append_integer(values, member.size, 8);
  }
  if (with_offset && member.is_far()) append_integer(values, member.offset, 8);
  if (values.empty()) return {};
  std::string field;
  append_integer(field, 1, 2);
  append_integer(field, values.size(), 2);
  return field + values;
}

std::string member_header(const Member& member) {
  const std::string extra = zip64_field(member, false);
  std::string bytes = "PK\x03\x04" + common_fields(member, 0, member.is_large());
  append_integer(bytes, extra.size(), 2);
  return bytes + member.name + extra;
}

std::string directory_entry(const Member& member, std::uint32_t checksum) {
  const std::string extra = zip64_field(member, true);
  std::string bytes = "PK\x01\x02";
  append_integer(bytes, extra.empty() ? 20 : 45, 2);
  bytes += common_fields(member, checksum, !extra.empty());
  append_integer(bytes, extra.size(), 2);
  append_integer(bytes, 0, 2 + 2 + 2);  // comment, disk, kind of text
  append_integer(bytes, 0, 4);
  append_integer(bytes, std::min(member.offset, all_ones_32), 4);
  return bytes + member.name + extra;
}

std::string directory_end(std::uint64_t entries, std::uint64_t offset, std::uint64_t size) {
  constexpr std::uint64_t all_ones_16 = 0xffff;
  std::string bytes;
  if (entries >= all_ones_16 || offset >= all_ones_32 || size >= all_ones_32) {
    bytes = "PK\x06\x06";
    append_integer(bytes, 44, 8);
    append_integer(bytes, 45, 2);
    append_integer(bytes, 45, 2);
    append_integer(bytes, 0, 8);
    for (const std::uint64_t value : {entries, entries, size, offset}) append_integer(bytes, value, 8);
    bytes += "PK\x06\x07";
    append_integer(bytes, 0, 4);
    append_integer(bytes, offset + size, 8);
    append_integer(bytes, 1, 4);
  }
  bytes += "PK\x05\x06";
  append_integer(bytes, 0, 4);
  append_integer(bytes, std::min(entries, all_ones_16), 2);
  append_integer(bytes, std::min(entries, all_ones_16), 2);
  append_integer(bytes, std::min(size, all_ones_32), 4);
  append_integer(bytes, std::min(offset, all_ones_32), 4);
  append_integer(bytes, 0, 2);
  return bytes;
}

}  // namespace

Layout lay_out_npz(const std::filesystem::path& file, std::span<const TensorSpec> tensors) {
  Layout layout;
  std::vector<Member> members;
  std::uint64_t end = 0;
  for (const TensorSpec& tensor : tensors) {
    const std::string header = make_npy_header(storage_row(tensor.type).npy, tensor.shape);
    const Member member{tensor.name + ".npy", end, header.size() + data_bytes(tensor)};
    if (member.name.size() > 0xffff) {
      throw UserError(
          fmt::format("{} cannot hold a tensor of so long a name as {}", file.string(), formats::quote(tensor.name)));
    }
    std::string front = member_header(member) + header;
    layout.offsets.push_back(end + front.size());
    layout.checksums.push_back(
        static_cast<std::uint32_t>(::crc32_z(0, reinterpret_cast<const Bytef*>(header.data()), header.size())));
    layout.pieces.push_back({end, std::move(front)});
    end = layout.offsets.back() + data_bytes(tensor);
    members.push_back(member);
  }
  layout.finish = [members = std::move(members), end](std::span<const std::uint32_t> checksums) {
    std::vector<Piece> pieces;
    std::string directory;
    for (std::size_t i = 0; i < members.size(); ++i) {
      std::string checksum;
      append_integer(checksum, checksums[i], 4);
      pieces.push_back({members[i].offset + checksum_at, std::move(checksum)});
      directory += directory_entry(members[i], checksums[i]);
    }
    const std::string last = directory_end(members.size(), end, directory.size());
    pieces.push_back({end, directory + last});
    return pieces;
  };
  return layout;
}

}  // namespace precsim::tensor_files
