// Building the operands of one product.
#include "experiments/product/operand.hpp"

#include <fmt/format.h>

#include <cmath>

#include "formats/convert.hpp"
#include "formats/error.hpp"

namespace precsim::product {
namespace {

using formats::BlockKind;
using formats::OperandKind;
using formats::RandomBits;
using formats::Stream;
using kernels::ConvShape;
using kernels::Pass;
using kernels::Side;

RandomBits random_bits(const OperandRequest& request, Stream stream) {
  return {request.seed, stream, 0, formats::tensor_id("product/" + request.what), 0};
}

bool shares_by_use(const formats::Format& format) {
  const BlockKind kind = format.blocking().kind;
  return kind == BlockKind::channel || kind == BlockKind::reduction;
}

void build_from_codes(SourceTensor tensor, bool integer, BuiltOperand& built) {
  built.exponents = {static_cast<std::int16_t>(tensor.exponent)};
  if (integer) {
    built.codes = std::move(tensor.codes);
    built.operand = {.codes = built.codes, .exponent = tensor.exponent};
    return;
  }
  for (const std::int16_t code : tensor.codes) {
    built.values.push_back(std::ldexp(static_cast<float>(code), tensor.exponent));
  }
  built.operand = {.values = built.values};
}

void build_from_values(const SourceTensor& tensor, const formats::Conversion& conversion, const OperandRequest& request,
                       bool integer, BuiltOperand& built) {
  const RandomBits bits = random_bits(request, Stream::rounding);
  formats::ConvertedArray converted = formats::convert(tensor.values, request.size, conversion, bits, request.what);
  built.exponents = std::move(converted.exponents);
  built.saturated = converted.counts.saturated;
  if (integer) {
    built.codes = std::move(converted.codes);
    const int exponent =
        built.exponents.empty() ? conversion.format->block_exponent(0) : static_cast<int>(built.exponents.front());
    built.operand = {.codes = built.codes, .exponent = exponent};
  } else {
    built.values = std::move(converted.values);
    built.operand = {.values = built.values};
  }
}

void refuse_nonfinite(const BuiltOperand& built, const OperandRequest& request) {
  const formats::Extent extent =
      formats::extent(built.operand.values.data(), static_cast<std::int64_t>(built.operand.values.size()));
  if (extent.first_nonfinite >= 0) {
    throw UserError(
        fmt::format("{}: element {} is {} in {}; products are defined for finite operands (a format with "
                    "overflow=saturate has no infinities)",
                    request.what, extent.first_nonfinite,
                    built.operand.values[static_cast<std::size_t>(extent.first_nonfinite)], built.format));
  }
}

}  // namespace

SourceTensor FilledOperand::tensor(const OperandRequest& request) const {
  SourceTensor tensor;
  if (!fill_.gives_codes()) {
    tensor.values.resize(static_cast<std::size_t>(request.size));
    fill_values(fill_, random_bits(request, Stream::fill), tensor.values);
    return tensor;
  }
  if (request.format.kind() != OperandKind::integer) {
    throw UserError(
        fmt::format("{}: fill {} is one of integer codes, and {} has none; valid are dfpP, flexP+m, dfxpN and fixI.F",
                    request.what, name(), request.format.name()));
  }
  const std::int16_t code = fill_code(fill_, {request.format.width(), request.chain});
  tensor.codes.assign(static_cast<std::size_t>(request.size), code);
  tensor.exponent = request.format.block_exponent(1);
  return tensor;
}

BuiltOperand build_operand(const ConvShape& shape, Pass pass, Side side, const formats::Conversion& conversion,
                           const OperandSource& source, const OperandRequest& request, OperandKind meet) {
  if (conversion.format->kind() == OperandKind::storage_only) {
    throw UserError(fmt::format("{}: operands of products have codes of at most 16 bits; {} is for storage",
                                request.what, conversion.format->name()));
  }
  kernels::check_blocking(*conversion.format, pass, side, request.what);
  BuiltOperand built;
  built.format = conversion.name();
  built.source = source.name();
  built.source_kind = source.kind();
  SourceTensor tensor = source.tensor(request);
  if (!tensor.codes.empty()) {
    if (shares_by_use(*conversion.format)) {
      throw UserError(
          fmt::format("{}: {} gives codes under one exponent, and {} has an exponent per block; give a "
                      "format with one per tensor",
                      request.what, source.name(), conversion.format->name()));
    }
    build_from_codes(std::move(tensor), meet == OperandKind::integer, built);
  } else if (shares_by_use(*conversion.format)) {
    const kernels::OperandConversion how{conversion, random_bits(request, Stream::rounding), request.what};
    kernels::BlockedOperand blocked = meet == OperandKind::floating
                                          ? kernels::convert_blocked(shape, pass, side, tensor.values, how, meet)
                                          : kernels::convert_tensor(shape, pass, side, tensor.values, how);
    built.exponents = std::move(blocked.exponents);
    built.saturated = blocked.counts.saturated;
    if (blocked.tensor) {
      built.operand = {.blocked = std::move(blocked.tensor)};
    } else {
      built.operand = {.matrix = std::move(blocked.matrix)};
    }
  } else {
    build_from_values(tensor, conversion, request, meet == OperandKind::integer, built);
  }
  refuse_nonfinite(built, request);
  return built;
}

}  // namespace precsim::product
