// Stories of products.
#include "experiments/commands/product_story.hpp"

#include <fmt/format.h>

#include "formats/error.hpp"

namespace precsim::experiments {
namespace {

constexpr std::int64_t most_products = std::int64_t{1} << 22;

/// Known where the tensor has one exponent; blocks that are not of this output alone are left out.
DecodedFrom decoded_from(const product::BuiltOperand& operand, const formats::Format& format,
                         formats::OperandKind meet) {
  if (meet != formats::OperandKind::floating || format.kind() == formats::OperandKind::floating ||
      operand.exponents.size() > 1) {
    return {};
  }
  const auto fixed = static_cast<std::int16_t>(format.block_exponent(0));
  return {operand.exponents.empty() ? std::vector{fixed} : operand.exponents, 0};
}

}  // namespace

void check_story(const product::ProductRequest& request) {
  const kernels::ProductShape product = product_shape(request.shape, request.pass);
  const std::int64_t length = product.taps * product.channels;
  if (length > most_products) {
    throw UserError(fmt::format("--explain: an output of this product has {} products, and at most {} can be told",
                                length, most_products));
  }
}

ToldStory tell_product(const product::ProductRequest& request, const product::ProductReport& report,
                       const std::string& text, std::int64_t index) {
  const auto& [a, b] = report.operands;
  const kernels::ProductCall call{request.shape, request.pass,         a.operand,
                                  b.operand,     request.accumulators, product::result_bits(request.seed)};
  const auto& [of_a, of_b] = request.sides;
  return {explain::tell(call, report.telemetry, index),
          {a.source, b.source},
          {of_a.conversion, of_b.conversion},
          {},
          fmt::format("engine {}", kernels::name(request.engine)),
          report.result[static_cast<std::size_t>(index)],
          {decoded_from(a, *of_a.conversion.format, request.meet()),
           decoded_from(b, *of_b.conversion.format, request.meet())},
          text};
}

}  // namespace precsim::experiments
