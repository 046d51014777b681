// Products of tensors with blocks.
#include "sim/kernels/blocked_multiply.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <optional>
#include <type_traits>
#include <vector>

#include "formats/convert_block.hpp"
#include "sim/kernels/blocked_grid.hpp"
#include "sim/kernels/native/blocked_gradient.hpp"
#include "sim/kernels/native/conv.hpp"
#include "sim/kernels/native/exponent_range.hpp"
#include "sim/kernels/native/pack.hpp"
#include "sim/kernels/native_multiply.hpp"
#include "sim/kernels/threads.hpp"

namespace precsim::kernels {
namespace {

using formats::OperandKind;

/// Codes with the exponents of their blocks.
struct CodedSide {
  std::span<const std::int16_t> codes;
  std::vector<std::int16_t> own;  ///< codes of elements
  std::vector<float> numbers;     ///< elements where they have no codes
  std::span<const std::int16_t> exponents;
  std::int16_t shared = 0;  ///< the exponent of a tensor that has one
  std::int64_t block = 0;   ///< products per block within a period
  bool by_block = false, patches = false;
  int step = 0;  ///< to be added to all exponents
  native::ExponentRange range;
  std::int64_t largest = 0;  ///< no code has a larger magnitude

  float power(std::int16_t exponent, int shift) const { return range.power(exponent + step, shift); }
  template <class T>
  const T* data() const {
    if constexpr (std::is_same_v<T, float>) {
      return numbers.data();
    } else {
      return codes.data();
    }
  }
};

std::int64_t largest_magnitude(std::span<const std::int16_t> codes) {
  std::int16_t low = 0;
  std::int16_t high = 0;
  for (const std::int16_t code : codes) {
    low = std::min(low, code);
    high = std::max(high, code);
  }
  return std::max(-std::int64_t{low}, std::int64_t{high});
}

/// The elements that the codes of a scaled format stand for.
std::array<float, 256> elements_of(const formats::Format& format) {
  std::array<std::int16_t, 256> codes;
  std::array<float, 256> elements;
  for (std::size_t i = 0; i < codes.size(); ++i) {
    codes[i] = static_cast<std::int16_t>(i & ((std::size_t{1} << format.width()) - 1));
  }
  formats::decode_block(format, codes.data(), static_cast<std::int64_t>(codes.size()), 0, elements.data());
  return elements;
}

/// Elements in steps of 2^-4, and the largest of them; nothing where the format has one that is no such number. Those
/// of E3M2, E2M3 and E2M1 all are.
struct ElementSteps {
  std::array<std::int16_t, 256> of_code;
  std::int64_t largest;
};
std::optional<ElementSteps> steps_of(const formats::Format& format) {
  ElementSteps steps{};
  const std::array<float, 256> elements = elements_of(format);
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const float scaled = elements[i] * 16.0f;
    if (!(std::abs(scaled) <= 32767.0f) || scaled != static_cast<float>(static_cast<int>(scaled))) {
      return std::nullopt;
    }
    steps.of_code[i] = static_cast<std::int16_t>(scaled);
  }
  steps.largest = largest_magnitude(steps.of_code);
  return steps;
}

/// Whether FP32 holds every sum of the elements of a block: then no step of its accumulator rounds.
bool sums_are_exact(const ElementSteps& left, const ElementSteps& right, std::int64_t block) {
  constexpr std::int64_t exact_in_fp32 = std::int64_t{1} << 24;
  return left.largest * right.largest * block <= exact_in_fp32;
}

void take_steps(const BlockedTensor& tensor, const ElementSteps& steps, CodedSide& side) {
  constexpr int step = -4;
  side.step = step;
  side.range = {tensor.lowest_exponent + step, tensor.highest_exponent + step};
  side.own.resize(tensor.codes.size());
  const auto size = static_cast<std::int64_t>(tensor.codes.size());
#pragma omp parallel for schedule(static) if (worth_threads(size))
  for (std::int64_t i = 0; i < size; ++i) {
    const auto at = static_cast<std::size_t>(i);
    side.own[at] = steps.of_code[static_cast<std::size_t>(tensor.codes[at]) & 0xff];
  }
  side.codes = side.own;
}

/// The exponents of the smallest element other than zero, of which all are multiples, and of the largest.
native::ExponentRange exponents_of_elements(const formats::Format& format) {
  native::ExponentRange range{INT16_MAX, INT16_MIN};
  for (const float element : elements_of(format)) {
    if (element != 0 && std::isfinite(element)) {
      range.low = std::min(range.low, std::ilogb(element));
      range.high = std::max(range.high, std::ilogb(element));
    }
  }
  return range;
}

/// Whether no sum of elements times its scale is below the smallest FP32 number or beyond the largest.
bool stays_finite(const BlockedTensor& left, const BlockedTensor& right, std::int64_t length) {
  const native::ExponentRange a = exponents_of_elements(*left.format);
  const native::ExponentRange b = exponents_of_elements(*right.format);
  constexpr int smallest = -149;
  constexpr int largest = 126;
  const int bits = std::bit_width(static_cast<std::uint64_t>(length)) + 2;
  return a.low + b.low + left.lowest_exponent + right.lowest_exponent >= smallest &&
         a.high + b.high + bits + left.highest_exponent + right.highest_exponent <= largest;
}

/// Both sides of a call of elements; false where their sums have no native form.
bool take_elements(const ProductCall& call, CodedSide& left, CodedSide& right) {
  const BlockedTensor& a = *call.left.blocked;
  const BlockedTensor& b = *call.right.blocked;
  const auto left_steps = steps_of(*a.format);
  const auto right_steps = steps_of(*b.format);
  if (left_steps && right_steps && sums_are_exact(*left_steps, *right_steps, std::min(left.block, right.block))) {
    take_steps(a, *left_steps, left);
    take_steps(b, *right_steps, right);
    return true;
  }
  const ProductShape product = product_shape(call.shape, call.pass);
  if (!stays_finite(a, b, product.taps * product.channels)) {
    return false;
  }
  left.numbers = decode_elements(a);
  right.numbers = decode_elements(b);
  return true;
}

/// One side of a call; false where it is none of codes.
bool take(const ProductCall& call, Side which, CodedSide& side) {
  const Operand& operand = which == Side::left ? call.left : call.right;
  if (operand.blocked) {
    const BlockedTensor& tensor = *operand.blocked;
    side.exponents = tensor.exponents;
    side.block = tensor.block();
    side.by_block = true;
    side.patches = converts_patches(call.pass, which, tensor.format->blocking());
    if (tensor.format->kind() == OperandKind::integer) {
      side.codes = tensor.codes;
      const formats::CodeRule rule = tensor.format->code_rule();
      const auto* const integers = std::get_if<formats::IntegerCodes>(&rule);
      side.largest = integers != nullptr ? std::max(integers->largest, integers->most_negative) : 1 << 15;
    }
    side.range = {tensor.lowest_exponent, tensor.highest_exponent};
    return true;
  }
  if (operand.matrix || operand.codes.empty()) {
    return false;
  }
  side.codes = operand.codes;
  side.shared = static_cast<std::int16_t>(operand.exponent);
  side.range = {operand.exponent, operand.exponent};
  side.largest = largest_magnitude(operand.codes);
  return true;
}

bool bound_proves(const arith::ReductionLayout& layout, std::int64_t chain, std::int64_t left, std::int64_t right) {
  std::int64_t longest = 0;
  for (const arith::Chain& one : arith::cut(layout, chain)) {
    longest = std::max(longest, one.end - one.begin);
  }
  const auto squares = [&](std::int64_t largest) { return static_cast<std::uint64_t>(largest * largest * longest); };
  return arith::proved(squares(left), squares(right));
}

ProvedChain prove(const ProductCall& call, const arith::ReductionLayout& layout, const CodedSide& left,
                  const CodedSide& right, const TileKernel& kernel) {
  const arith::IntegerAccumulator& accumulator = call.accumulators.integer;
  const bool chooses = accumulator.chain == arith::chain_auto;
  const std::int64_t wanted = chooses ? arith::longest_proved_chain : accumulator.chain;
  if (bound_proves(layout, wanted, left.largest, right.largest)) {
    return {wanted, true};
  }
  const Matrix a = as_matrix(call, Side::left);
  const Matrix b = as_matrix(call, Side::right);
  return chooses ? prove_chain(a, b, accumulator.atom, &kernel) : ProvedChain{wanted, is_proved(a, b, wanted, &kernel)};
}

/// One power of two per exponent, in their order.
std::vector<float> powers(const CodedSide& side, int shift) {
  std::vector<float> out;
  out.reserve(side.exponents.size() + 1);
  if (!side.by_block) {
    return {side.power(side.shared, shift)};
  }
  constexpr int bias = 127;
  constexpr int fraction_bits = 23;
  for (const std::int16_t exponent : side.exponents) {
    const int clamped = std::clamp(exponent + side.step, side.range.low, side.range.high) + shift;
    out.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(clamped + bias) << fraction_bits));
  }
  return out;
}

/// Both sides of a product whose scales are possible.
template <class T>
class BlockedProduct {
 public:
  BlockedProduct(const ProductCall& call, const CodedSide& left, const CodedSide& right, int shift,
                 std::span<const arith::Chain> chains, const TileKernel& kernel)
      : call_(call),
        product_(product_shape(call.shape, call.pass)),
        left_(left),
        right_(right),
        shift_(shift),
        chains_(chains),
        kernel_(kernel),
        left_powers_(powers(left, shift)) {}

  void run(arith::OverflowRule overflow, std::span<float> result) const {
    if (call_.pass == Pass::weight_gradient) {
      return run_gradient(overflow, result);
    }
    const std::vector<float> lanes = lane_factors();
    const native::BlockedSpills spills{
        .chains = chains_,
        .row_factors = left_powers_.data(),
        .row_blocks = left_.by_block ? (product_.channels + left_.block - 1) / left_.block : 0,
        .border = left_.range.power(left_.range.low, shift_),
        .lane_factors = lanes.data()};
    native::convolve(*kernel_.native, call_.shape, call_.pass, left_.data<T>(), right_.data<T>(),
                     {.overflow = overflow, .blocks = &spills}, result.data(),
                     {.bias = call_.bias, .statistics = call_.statistics, .functions = kernel_.elementwise});
  }

 private:
  /// Of the weights: [group][panel][chain][panel_lanes].
  std::vector<float> lane_factors() const {
    constexpr std::int64_t lanes = native::panel_lanes;
    const std::int64_t panels = native::padded_columns(product_.columns) / lanes;
    const auto chains = static_cast<std::int64_t>(chains_.size());
    std::vector<float> factors(static_cast<std::size_t>(product_.groups * panels * chains * lanes),
                               right_.power(right_.shared, -shift_));
    if (!right_.by_block) {
      return factors;
    }
    const Matrix weights = as_matrix(call_, Side::right);
    for (std::int64_t panel = 0; panel < product_.groups * panels; ++panel) {
      for (std::int64_t lane = 0; lane < lanes; ++lane) {
        const std::int64_t column = std::min(panel % panels * lanes + lane, product_.columns - 1);
        const std::int16_t* const exponents = weights.row_exponents(panel / panels, column);
        float* to = factors.data() + panel * chains * lanes + lane;
        for (const arith::Chain& chain : chains_) {
          *to = right_.power(exponents[chain.block_b * weights.block_stride], -shift_);
          to += lanes;
        }
      }
    }
    return factors;
  }

  void run_gradient(arith::OverflowRule overflow, std::span<float> result) const {
    const ConvShape& shape = call_.shape;
    native::BlockedLines<T> errors{.codes = left_.data<T>(),
                                   .group_step = shape.group_oc(),
                                   .pixel_step = shape.oc,
                                   .factors = left_powers_.data()};
    if (left_.by_block) {
      errors.factor_group = shape.group_oc();
      errors.factor_block = left_.block == 0 ? 0 : shape.oc;
      errors.factor_line = 1;
    }
    const std::vector<float> right_powers = column_powers();
    native::BlockedLines<T> patches{.factors = right_powers.data()};
    std::optional<Lowering<T>> lowering;
    if (right_.patches) {
      const std::int64_t bands = (product_.channels + right_.block - 1) / right_.block;
      patches.codes = right_.data<T>();
      patches.group_step = product_.channels * product_.columns;
      patches.pixel_step = product_.columns;
      patches.factor_block = product_.columns;
      patches.factor_group = bands * product_.columns;
    } else {
      lowering.emplace(shape, call_.pass, Side::right, product_.channels, right_.data<T>());
      patches.lowering = &*lowering;
      patches.factor_group = right_.by_block ? product_.columns : 0;
    }
    patches.factor_line = right_.by_block ? 1 : 0;
    native::blocked_weight_gradient(*kernel_.native, shape, errors, patches, chains_, overflow, result.data());
  }

  /// Of the patches: [group][column] where input channels have exponents.
  std::vector<float> column_powers() const {
    std::vector<float> of_exponents = powers(right_, -shift_);
    if (!right_.by_block || right_.patches) {
      return of_exponents;
    }
    std::vector<float> of_columns;
    const std::int64_t channels = call_.shape.group_ic();
    for (std::int64_t column = 0; column < product_.groups * product_.columns; ++column) {
      const std::int64_t channel = column / product_.columns * channels + column % product_.columns % channels;
      of_columns.push_back(of_exponents[static_cast<std::size_t>(channel)]);
    }
    return of_columns;
  }

  const ProductCall& call_;
  ProductShape product_;
  const CodedSide& left_;
  const CodedSide& right_;
  int shift_;
  std::span<const arith::Chain> chains_;
  const TileKernel& kernel_;
  std::vector<float> left_powers_;
};

/// How a product of `chain` is cut, and what telemetry says of it.
arith::ReductionLayout layout_of(const ProductShape& product, const CodedSide& left, const CodedSide& right) {
  const std::int64_t period = product.channels + (left.numbers.empty() ? product.channels % 2 : 0);
  return {product.taps * period, period, left.block, right.block};
}

void begin(const ProductShape& product, bool integer, const arith::ReductionLayout& layout, const ProvedChain& chain,
           std::size_t chains, Telemetry& telemetry) {
  telemetry = Telemetry{};
  telemetry.measured = false;
  telemetry.outputs = static_cast<std::uint64_t>(product.groups * product.rows * product.columns);
  telemetry.products =
      telemetry.outputs * static_cast<std::uint64_t>(integer ? layout.length : product.taps * product.channels);
  telemetry.chains = telemetry.outputs * chains;
  telemetry.exact = integer && layout.block_a == 0 && layout.block_b == 0 ? "int64" : "double_fma";
  if (integer) {
    telemetry.chain_length = chain.length;
    telemetry.proved = chain.proved;
  }
}

bool has_native_lanes(const ProductCall& call) {
  return call.is_integer() ? has_native_steps(call.accumulators.integer) : call.accumulators.floating.is_fp32_fma();
}

}  // namespace

bool multiply_blocked(const ProductCall& call, std::span<float> result, Telemetry& telemetry,
                      const TileKernel& kernel) {
  CodedSide left;
  CodedSide right;
  if ((!call.left.blocked && !call.right.blocked) || call.meet() == OperandKind::floating || !has_native_lanes(call) ||
      !take(call, Side::left, left) || !take(call, Side::right, right) ||
      (!call.is_integer() && !take_elements(call, left, right))) {
    return false;
  }
  const native::PowerSplit split = native::split_powers(left.range, right.range);
  if (!split.possible) {
    return false;
  }
  const ProductShape product = product_shape(call.shape, call.pass);
  const arith::ReductionLayout layout = layout_of(product, left, right);
  const ProvedChain chain =
      call.is_integer() ? prove(call, layout, left, right, kernel) : ProvedChain{arith::chain_to_end, false};
  const std::vector<arith::Chain> chains = arith::cut(layout, chain.length);
  begin(product, call.is_integer(), layout, chain, chains.size(), telemetry);
  const arith::OverflowRule overflow =
      call.is_integer() ? call.accumulators.integer.overflow : arith::OverflowRule::wrap;
  if (left.numbers.empty()) {
    BlockedProduct<std::int16_t>(call, left, right, split.shift, chains, kernel).run(overflow, result);
  } else {
    BlockedProduct<float>(call, left, right, split.shift, chains, kernel).run(overflow, result);
  }
  return true;
}

}  // namespace precsim::kernels
