// Element types of stored tensors: names, widths, decoding to FP32.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "experiments/tensor_files/tensor_file.hpp"

namespace precsim::tensor_files {

/// "float16" and so on; `other` has none of its own.
std::string_view element_name(ElementType type);

/// Bytes per element; 0 for `other`.
std::size_t element_width(ElementType type);

/// Decodes out.size() elements, stored as they come in the file.
void decode_elements(ElementType type, bool big_endian, std::span<const std::byte> bytes, std::span<float> out);

}  // namespace precsim::tensor_files
