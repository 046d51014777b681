// Reader of .safetensors: 8 bytes of length, a JSON header, and the data behind it without holes.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "experiments/record/bytes.hpp"
#include "experiments/tensor_files/elements.hpp"
#include "experiments/tensor_files/stored_tensors.hpp"
#include "formats/words.hpp"

namespace precsim::tensor_files {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t most_header_bytes = 100'000'000;  // what the format's own library accepts

struct DtypeRow {
  std::string_view dtype;
  ElementType type;
  std::size_t width;
  std::string_view text;
};
constexpr DtypeRow dtype_rows[] = {{"F16", ElementType::float16, 2, "float16"},
                                   {"BF16", ElementType::bfloat16, 2, "bfloat16"},
                                   {"F32", ElementType::float32, 4, "float32"},
                                   {"F64", ElementType::float64, 8, "float64"},
                                   {"F8_E4M3", ElementType::float8_e4m3fn, 1, "float8_e4m3fn"},
                                   {"F8_E5M2", ElementType::float8_e5m2, 1, "float8_e5m2"},
                                   {"F8_E8M0", ElementType::other, 1, "float8_e8m0"},
                                   {"BOOL", ElementType::other, 1, "bool"},
                                   {"U8", ElementType::other, 1, "uint8"},
                                   {"I8", ElementType::other, 1, "int8"},
                                   {"U16", ElementType::other, 2, "uint16"},
                                   {"I16", ElementType::other, 2, "int16"},
                                   {"U32", ElementType::other, 4, "uint32"},
                                   {"I32", ElementType::other, 4, "int32"},
                                   {"U64", ElementType::other, 8, "uint64"},
                                   {"I64", ElementType::other, 8, "int64"},
                                   {"C64", ElementType::other, 8, "complex64"}};

struct Described {
  TensorEntry entry;
  std::size_t width = 0;  ///< 0 for types this program does not know
  std::vector<std::uint64_t> offsets;
};

/// Builds the descriptions while the header is parsed, so that memory stays a small multiple of what they say.
class HeaderReader final : public Json::json_sax_t {
 public:
  std::vector<Described> tensors;
  std::string error;

  bool start_object(std::size_t) override {
    ++depth_;
    if (depth_ == 2 && !in_metadata_) {
      tensors.emplace_back();
      tensors.back().entry.name = name_;
      seen_.clear();
    }
    return depth_ <= 2 && !in_array_ ? true : fail("has objects where none belong");
  }
  bool end_object() override {
    if (depth_ == 2 && !in_metadata_ && seen_.size() != 3) {
      return fail(fmt::format("gives {} no dtype, no shape or no data_offsets", formats::quote(name_)));
    }
    --depth_;
    return true;
  }
  bool key(string_t& text) override {
    if (depth_ == 1) {
      name_ = text;
      in_metadata_ = text == "__metadata__";
      return !in_metadata_ || !std::exchange(had_metadata_, true) ? true : fail("has __metadata__ twice");
    }
    key_ = text;
    if (in_metadata_) return true;
    if (!seen_.insert(text).second) return fail(fmt::format("gives {} {} twice", formats::quote(name_), key_));
    return key_ == "dtype" || key_ == "shape" || key_ == "data_offsets"
               ? true
               : fail(fmt::format("gives {} the unknown key {}", formats::quote(name_), formats::quote(key_)));
  }
  bool string(string_t& text) override {
    if (depth_ != 2 || in_array_) return fail("has a text where none belongs");
    if (in_metadata_) return true;
    if (key_ != "dtype") return wrong_value();
    Described& tensor = tensors.back();
    tensor.entry.type_text = fmt::format("safetensors {}", formats::quote(text));
    for (const DtypeRow& row : dtype_rows) {
      if (row.dtype != text) continue;
      tensor.entry.type = row.type;
      tensor.entry.type_text = row.text;
      tensor.width = row.width;
    }
    return true;
  }
  bool start_array(std::size_t) override {
    if (in_array_ || depth_ != 2 || in_metadata_ || key_ == "dtype") return fail("has an array where none belongs");
    return in_array_ = true;
  }
  bool end_array() override {
    in_array_ = false;
    return key_ != "data_offsets" || tensors.back().offsets.size() == 2 ? true : wrong_value();
  }
  bool number_unsigned(number_unsigned_t value) override {
    constexpr auto most = static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max());
    if (!in_array_ || value > most) return wrong_value();
    Described& tensor = tensors.back();
    if (key_ == "shape") {
      tensor.entry.shape.push_back(static_cast<std::int64_t>(value));
    } else {
      tensor.offsets.push_back(value);
    }
    return true;
  }
  bool number_integer(number_integer_t) override { return wrong_value(); }
  bool number_float(number_float_t, const string_t&) override { return wrong_value(); }
  bool boolean(bool) override { return wrong_value(); }
  bool null() override { return wrong_value(); }
  bool binary(binary_t&) override { return wrong_value(); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    return fail(fmt::format("is no valid JSON at byte {}", position));
  }

 private:
  bool fail(std::string why) {
    if (error.empty()) error = std::move(why);
    return false;
  }
  bool wrong_value() {
    if (in_metadata_ || depth_ < 2) return fail("has a value where none belongs");
    return fail(fmt::format("gives {} a wrong {}", formats::quote(name_), key_));
  }

  int depth_ = 0;
  bool in_array_ = false;
  bool in_metadata_ = false;
  bool had_metadata_ = false;
  std::string name_;
  std::string key_;
  std::set<std::string> seen_;
};

/// Every tensor as long as its shape says, one behind the other, up to the end of the file.
void check_offsets(const std::filesystem::path& file, std::span<const Described> tensors, std::uint64_t data_bytes) {
  std::uint64_t expected = 0;
  for (const Described& tensor : tensors) {
    const std::string name = formats::quote(tensor.entry.name);
    const std::uint64_t first = tensor.offsets[0];
    const std::uint64_t end = tensor.offsets[1];
    const std::optional<std::uint64_t> bytes = byte_count(tensor.entry.shape, std::max<std::size_t>(tensor.width, 1));
    if (!bytes) {
      refuse(file, fmt::format("{} cannot have the shape [{}]", name, fmt::join(tensor.entry.shape, ", ")));
    }
    if (first > end || end > data_bytes) {
      refuse(file, fmt::format("{} claims bytes {} to {} of {}", name, first, end, data_bytes));
    }
    if (tensor.width > 0 && *bytes != end - first) {
      refuse(file, fmt::format("{} of {} with the shape [{}] needs {} bytes and claims {}", name,
                               tensor.entry.type_text, fmt::join(tensor.entry.shape, ", "), *bytes, end - first));
    }
    if (first != expected) {
      refuse(file, fmt::format("{} begins at byte {} of the data, where {} is expected: tensors {}", name, first,
                               expected, first < expected ? "overlap" : "leave a hole"));
    }
    expected = end;
  }
  if (expected != data_bytes) {
    refuse(file, fmt::format("its tensors end at byte {} of {} bytes of data", expected, data_bytes));
  }
}

std::vector<Described> read_header(const std::filesystem::path& file, const std::string& text) {
  HeaderReader reader;
  const bool whole = Json::sax_parse(text, &reader);
  if (!whole || !reader.error.empty()) refuse(file, fmt::format("its header {}", reader.error));
  std::vector<std::string> names;
  for (const Described& tensor : reader.tensors) names.push_back(tensor.entry.name);
  check_names(file, names);
  std::ranges::stable_sort(reader.tensors, {},
                           [](const Described& tensor) { return std::pair(tensor.offsets[0], tensor.offsets[1]); });
  return std::move(reader.tensors);
}

}  // namespace

std::unique_ptr<TensorFile> open_safetensors(const std::filesystem::path& file, record::FileDescriptor descriptor) {
  const std::uint64_t size = record::file_size(descriptor.get(), file);
  const std::string front = record::read_at(descriptor.get(), 0, 8, file);
  if (front.size() < 8) refuse(file, "it is shorter than the length of a header");
  const std::uint64_t length = record::integer_at(front, 8);
  if (length > most_header_bytes || length > size - 8) {
    refuse(file, fmt::format("its header claims {} bytes of a file of {} (at most {} are valid)", length, size,
                             most_header_bytes));
  }
  std::vector<Described> described = read_header(file, record::read_at(descriptor.get(), 8, length, file));
  check_offsets(file, described, size - 8 - length);
  std::vector<StoredTensor> tensors;
  std::vector<std::uint64_t> offsets;
  for (Described& tensor : described) {
    tensors.push_back({std::move(tensor.entry), false, false});
    offsets.push_back(8 + length + tensor.offsets[0]);
  }
  return make_tensor_file(file, std::move(tensors), make_file_store(std::move(descriptor), std::move(offsets), file));
}

}  // namespace precsim::tensor_files
