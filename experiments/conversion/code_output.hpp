// How the codes of a format are stored: which elements, beside which exponents.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "experiments/conversion/tensor_converter.hpp"
#include "experiments/tensor_files/tensor_writer.hpp"
#include "formats/format.hpp"

namespace precsim::conversion {

/// Integer formats: int8, int16, or int32, and the exponents of their blocks. Floats: their bit patterns, under the
/// container's own name where it has one (float16, bfloat16, float8_e4m3fn, float8_e5m2), else as unsigned integers. MX
/// formats: uint8 bit patterns of the elements (mxint8: int8), and the scales of their blocks as E8M0 codes (uint8).
class CodeOutput {
 public:
  /// UserError for a format whose codes cannot be written.
  CodeOutput(const formats::Format& format, tensor_files::Container container);

  tensor_files::StorageType type() const { return type_; }
  /// Whether every block has an exponent to be stored, and under which name: NAME and this; as which type.
  bool has_exponents() const { return has_exponents_; }
  std::string_view exponents_suffix() const { return has_scales_ ? ".scales" : ".exponents"; }
  tensor_files::StorageType exponents_type() const {
    return has_scales_ ? tensor_files::StorageType::uint8 : tensor_files::StorageType::int16;
  }
  /// The codes of a piece, as stored.
  std::span<const std::byte> encode(const Converted& piece);
  /// The exponents of blocks, as stored.
  std::span<const std::byte> encode_exponents(std::span<const std::int16_t> exponents);

 private:
  tensor_files::StorageType type_ = tensor_files::StorageType::float32;
  bool has_exponents_ = false, has_scales_ = false;
  formats::CodeRule rule_;
  std::vector<std::byte> bytes_;
};

}  // namespace precsim::conversion
