// Decoding of stored elements; see elements.hpp.
#include "experiments/tensor_files/elements.hpp"

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "formats/error.hpp"
#include "formats/float_format.hpp"

namespace precsim::tensor_files {
namespace {

static_assert(std::endian::native == std::endian::little, "stored elements are copied as they are");

struct ElementRow {
  ElementType type;
  std::string_view name;
  std::size_t width;
};

constexpr ElementRow element_rows[] = {
    {ElementType::float16, "float16", 2},
    {ElementType::bfloat16, "bfloat16", 2},
    {ElementType::float32, "float32", 4},
    {ElementType::float64, "float64", 8},
    {ElementType::float8_e4m3fn, "float8_e4m3fn", 1},
    {ElementType::float8_e5m2, "float8_e5m2", 1},
    {ElementType::other, "", 0},
};

const ElementRow& row_of(ElementType type) {
  return element_rows[static_cast<std::size_t>(type)];
}

template <typename Word>
Word swapped(Word word) {
  Word result = 0;
  for (std::size_t i = 0; i < sizeof(Word); ++i) {
    result = static_cast<Word>(result << 8 | (word >> (8 * i) & 0xff));
  }
  return result;
}

template <typename Word, typename Decode>
void for_each_word(std::span<const std::byte> bytes, std::span<float> out, const Decode& decode) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    Word word = 0;
    std::memcpy(&word, bytes.data() + i * sizeof(Word), sizeof(Word));
    out[i] = decode(word);
  }
}

/// Applies `decode` to each word.
template <typename Word, typename Decode>
void decode_words(bool big_endian, std::span<const std::byte> bytes, std::span<float> out, const Decode& decode) {
  if (big_endian) return for_each_word<Word>(bytes, out, [&](Word word) { return decode(swapped(word)); });
  for_each_word<Word>(bytes, out, decode);
}

std::vector<float> value_table(std::string_view format_name) {
  for (const formats::NamedFloat& named : formats::named_floats()) {
    if (named.name != format_name) continue;
    std::vector<float> values(std::size_t{1} << named.format.width());
    for (std::size_t code = 0; code < values.size(); ++code) {
      values[code] = formats::decode(named.format, static_cast<std::uint32_t>(code));
    }
    return values;
  }
  throw CheckError("no format of the name of a stored type");
}

}  // namespace

std::string_view element_name(ElementType type) {
  return row_of(type).name;
}

std::size_t element_width(ElementType type) {
  return row_of(type).width;
}

void decode_elements(ElementType type, bool big_endian, std::span<const std::byte> bytes, std::span<float> out) {
  PRECSIM_CHECK(bytes.size() == out.size() * element_width(type), std::to_string(bytes.size()));
  switch (type) {
    case ElementType::float32:
      return decode_words<std::uint32_t>(big_endian, bytes, out,
                                         [](std::uint32_t word) { return std::bit_cast<float>(word); });
    case ElementType::float64:
      return decode_words<std::uint64_t>(
          big_endian, bytes, out, [](std::uint64_t word) { return static_cast<float>(std::bit_cast<double>(word)); });
    case ElementType::bfloat16:
      return decode_words<std::uint16_t>(big_endian, bytes, out, [](std::uint16_t word) {
        return std::bit_cast<float>(static_cast<std::uint32_t>(word) << 16);
      });
    case ElementType::float16: {
      static const std::vector<float> values = value_table("fp16");
      return decode_words<std::uint16_t>(big_endian, bytes, out, [](std::uint16_t word) { return values[word]; });
    }
    case ElementType::float8_e4m3fn: {
      static const std::vector<float> values = value_table("fp8_e4m3fn");
      return decode_words<std::uint8_t>(big_endian, bytes, out, [](std::uint8_t word) { return values[word]; });
    }
    case ElementType::float8_e5m2: {
      static const std::vector<float> values = value_table("fp8_e5m2");
      return decode_words<std::uint8_t>(big_endian, bytes, out, [](std::uint8_t word) { return values[word]; });
    }
    case ElementType::other:
      break;
  }
  throw CheckError("elements of this type cannot be decoded");
}

}  // namespace precsim::tensor_files
