// Codes as stored; see code_output.hpp.
#include "experiments/conversion/code_output.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <string_view>

#include "formats/error.hpp"
#include "formats/exact.hpp"
#include "formats/float_format.hpp"
#include "formats/microscaling.hpp"

namespace precsim::conversion {
namespace {

using tensor_files::StorageType;

struct NativeRow {
  std::string_view format;
  StorageType type;
};
constexpr NativeRow native_rows[] = {{"fp32", StorageType::float32},
                                     {"fp16", StorageType::float16},
                                     {"bf16", StorageType::bfloat16},
                                     {"fp8_e4m3fn", StorageType::float8_e4m3fn},
                                     {"fp8_e5m2", StorageType::float8_e5m2}};

StorageType pattern_type(const formats::FloatFormat& format, tensor_files::Container container) {
  for (const formats::NamedFloat& named : formats::named_floats()) {
    formats::FloatFormat same = named.format;
    same.overflow = format.overflow;
    if (same != format) continue;
    for (const NativeRow& row : native_rows) {
      if (row.format == named.name && tensor_files::has_storage(container, row.type)) return row.type;
    }
  }
  return format.width() <= 8 ? StorageType::uint8 : format.width() <= 16 ? StorageType::uint16 : StorageType::uint32;
}

StorageType integer_type(int width) {
  return width <= 8 ? StorageType::int8 : width <= 16 ? StorageType::int16 : StorageType::int32;
}

/// The code of a value that the format has.
std::int32_t wide_code(const formats::CodeRule& rule, float value, int exponent) {
  if (const auto* format = std::get_if<formats::FloatFormat>(&rule)) {
    return static_cast<std::int32_t>(formats::encode(*format, value, {}, 0).value_or(0));
  }
  const double steps = static_cast<double>(value) * formats::power_of_two(-exponent);
  constexpr double most = std::numeric_limits<std::int32_t>::max();
  return static_cast<std::int32_t>(std::min(steps, most));
}

}  // namespace

CodeOutput::CodeOutput(const formats::Format& format, tensor_files::Container container) : rule_(format.code_rule()) {
  has_exponents_ = format.blocking().kind != formats::BlockKind::none;
  has_scales_ = formats::find_mx_element(format) != nullptr;
  if (std::holds_alternative<formats::ScaledFloat>(rule_)) {
    type_ = StorageType::uint8;  // not as the floats that they are, which without their scales would be read as values
  } else if (const auto* floating = std::get_if<formats::FloatFormat>(&rule_)) {
    type_ = pattern_type(*floating, container);
  } else if (std::holds_alternative<formats::IntegerCodes>(rule_) ||
             format.kind() == formats::OperandKind::storage_only) {
    type_ = integer_type(format.width());
  } else {
    throw UserError(fmt::format("the codes of {} cannot be written; leave --codes out for its values", format.name()));
  }
}

std::span<const std::byte> CodeOutput::encode(const Converted& piece) {
  const std::size_t width = tensor_files::storage_width(type_);
  if (width == sizeof(std::int16_t) && !piece.codes.empty()) {
    return std::as_bytes(piece.codes);
  }
  bytes_.resize(piece.values.size() * width);
  if (width == 1 && !piece.codes.empty()) {
    std::ranges::transform(piece.codes, bytes_.begin(), [](std::int16_t code) { return static_cast<std::byte>(code); });
    return bytes_;
  }
  for (std::size_t j = 0; j < piece.values.size(); ++j) {
    const std::int32_t code = piece.codes.empty() ? wide_code(rule_, piece.values[j], piece.exponent) : piece.codes[j];
    std::memcpy(bytes_.data() + j * width, &code, width);
  }
  return bytes_;
}

std::span<const std::byte> CodeOutput::encode_exponents(std::span<const std::int16_t> exponents) {
  if (!has_scales_) {
    return std::as_bytes(exponents);
  }
  bytes_.resize(exponents.size());
  std::ranges::transform(exponents, bytes_.begin(),
                         [](std::int16_t exponent) { return std::byte{formats::mx_scale_code(exponent)}; });
  return bytes_;
}

}  // namespace precsim::conversion
