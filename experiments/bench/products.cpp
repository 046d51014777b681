// Operands, runs and checks of products.
#include "experiments/bench/products.hpp"

#include <fmt/format.h>

#include <bit>
#include <limits>

#include "experiments/bench/ceiling.hpp"
#include "experiments/bench/data.hpp"

namespace precsim::bench {
namespace {

using kernels::Pass;
using kernels::Side;

constexpr std::uint64_t sampled_outputs = 64;
constexpr std::int16_t largest_code = 16383;
constexpr std::uint32_t left_tensor = 1, right_tensor = 2;

std::vector<float> values_of(const std::vector<std::int16_t>& codes) {
  std::vector<float> values;
  values.reserve(codes.size());
  for (const std::int16_t code : codes) {
    values.push_back(static_cast<float>(code) * 0x1p-12f);
  }
  return values;
}
static_assert(Operands::exponent == -12);

OperandsPtr with_values(Operands operands) {
  operands.left_values = values_of(operands.left_codes);
  operands.right_values = values_of(operands.right_codes);
  return std::make_shared<const Operands>(std::move(operands));
}

}  // namespace

OperandsPtr normal_operands(const kernels::ConvShape& shape, Pass pass, double ratio) {
  return with_values({shape,
                      pass,
                      normal_codes(shape.operand_size(pass, Side::left), left_tensor, largest_code, ratio),
                      normal_codes(shape.operand_size(pass, Side::right), right_tensor, largest_code, ratio),
                      {},
                      {}});
}

OperandsPtr lowest_operands(const kernels::ConvShape& shape, Pass pass) {
  constexpr std::int16_t lowest = std::numeric_limits<std::int16_t>::min();
  const auto all = [&](Side side) {
    return std::vector<std::int16_t>(static_cast<std::size_t>(shape.operand_size(pass, side)), lowest);
  };
  return with_values({shape, pass, all(Side::left), all(Side::right), {}, {}});
}

ProductRun::ProductRun(OperandsPtr from, bool is_integer, const kernels::Accumulators& with)
    : operands(std::move(from)), integer(is_integer), accumulators(with) {
  const kernels::ProductShape product = product_shape(operands->shape, operands->pass);
  result.assign(static_cast<std::size_t>(product.groups * product.rows * product.columns),
                std::numeric_limits<float>::quiet_NaN());
  telemetry.chain_length = accumulators.integer.chain;
}

namespace {

kernels::Operand one_side(const ProductRun& run, Side side) {
  kernels::Operand operand;
  operand.exponent = Operands::exponent;
  if (run.integer) {
    operand.codes = side == Side::left ? run.operands->left_codes : run.operands->right_codes;
  } else {
    operand.values = side == Side::left ? run.operands->left_values : run.operands->right_values;
  }
  return operand;
}

}  // namespace

void ProductRun::multiply(kernels::Engine engine, kernels::TelemetryLevel level, const kernels::TileKernel& kernel) {
  const kernels::Operand left = one_side(*this, Side::left);
  const kernels::Operand right = one_side(*this, Side::right);
  kernels::multiply({operands->shape, operands->pass, left, right, accumulators, {}}, engine, result, level, telemetry,
                    &kernel);
}

std::string ProductRun::check() const {
  const kernels::Operand left = one_side(*this, Side::left);
  const kernels::Operand right = one_side(*this, Side::right);
  const kernels::ProductCall call{operands->shape, operands->pass, left, right, accumulators, {}};
  for (const Place& place : sample_places(operands->shape, operands->pass)) {
    const float expected = reference_output(call, telemetry, place.group, place.row, place.column);
    const float actual = result[static_cast<std::size_t>(place.index)];
    if (std::bit_cast<std::uint32_t>(actual) != std::bit_cast<std::uint32_t>(expected)) {
      return fmt::format("output {} is {} ({:#010x}), the reference has {} ({:#010x})", place.index, actual,
                         std::bit_cast<std::uint32_t>(actual), expected, std::bit_cast<std::uint32_t>(expected));
    }
  }
  return {};
}

kernels::Accumulators integer_accumulators(std::int64_t chain) {
  kernels::Accumulators accumulators;
  accumulators.integer.chain = chain;
  return accumulators;
}

Contender proved_product(const OperandsPtr& operands, const Setup& setup) {
  const auto run = std::make_shared<ProductRun>(operands, true, integer_accumulators(arith::chain_auto));
  Contender contender;
  contender.what = {"int16 with proof", run->macs(), [run, &kernel = setup.kernel] {
                      run->multiply(kernels::Engine::native, kernels::TelemetryLevel::events, kernel);
                    }};
  contender.ceiling = register_ceiling(ceilings_of(setup.kernel).integer);
  contender.check = [run] { return run->check(); };
  return contender;
}

std::vector<Place> sample_places(const kernels::ConvShape& shape, Pass pass) {
  const kernels::ProductShape product = product_shape(shape, pass);
  const formats::RandomBits bits{.seed = 2, .stream = formats::Stream::fill};
  const auto below = [&](std::uint64_t i, std::int64_t limit) {
    return static_cast<std::int64_t>((std::uint64_t{bits.word(i)} * static_cast<std::uint64_t>(limit)) >> 32);
  };
  std::vector<Place> places;
  for (std::uint64_t i = 0; i < sampled_outputs; ++i) {
    Place place{below(4 * i, product.groups), below(4 * i + 1, product.rows), below(4 * i + 2, product.columns), 0};
    if (i == 0) {
      place = {product.groups - 1, product.rows - 1, product.columns - 1, 0};
    }
    place.index = result_index(shape, pass, place.group, place.row, place.column);
    places.push_back(place);
  }
  return places;
}

ExactOutput exact_output(const Operands& operands, const Place& place) {
  const kernels::ProductShape product = product_shape(operands.shape, operands.pass);
  const auto element = [&](Side side, std::int64_t row, std::int64_t tap, std::int64_t channel) {
    const std::int64_t at = source_index(operands.shape, operands.pass, side, place.group, row, tap, channel);
    const std::vector<float>& values = side == Side::left ? operands.left_values : operands.right_values;
    return at < 0 ? 0.0 : static_cast<double>(values[static_cast<std::size_t>(at)]);
  };
  ExactOutput output;
  for (std::int64_t tap = 0; tap < product.taps; ++tap) {
    for (std::int64_t channel = 0; channel < product.channels; ++channel) {
      const double term =
          element(Side::left, place.row, tap, channel) * element(Side::right, place.column, tap, channel);
      output.sum += term;
      output.magnitude += std::abs(term);
    }
  }
  return output;
}

}  // namespace precsim::bench
