// Running one product.
#include "experiments/product/product.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>

#include "experiments/product/whole_error.hpp"
#include "formats/error.hpp"
#include "formats/hash.hpp"

namespace precsim::product {
namespace {

using kernels::Engine;
using kernels::ProductShape;
using kernels::Side;

constexpr Side both_sides[] = {Side::left, Side::right};
constexpr std::string_view side_names[] = {"operand a", "operand b"};

double memory_of_machine() {
  return static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

bool has_blocks(const formats::Format& format) {
  const formats::BlockKind kind = format.blocking().kind;
  return kind == formats::BlockKind::channel || kind == formats::BlockKind::reduction;
}

/// Bytes at the peak: tensors as FP32 numbers before and after conversion and as codes, both operands laid out as
/// matrices and packed (or, blocks, converted in the order of the matrix), results in FP32, three times, and in double.
double most_memory(const ProductRequest& request, const ProductShape& product) {
  const double length = static_cast<double>(product.taps) * static_cast<double>(product.channels + 1);
  const double groups = static_cast<double>(product.groups);
  const double lines[] = {static_cast<double>(product.rows), static_cast<double>(product.columns)};
  double bytes = 20 * groups * lines[0] * lines[1];
  for (std::size_t i = 0; i < 2; ++i) {
    const bool small = request.is_integer() && request.engine == kernels::Engine::native;
    const double laid_out = has_blocks(*request.sides[i].conversion.format) ? 16 : small ? 4 : 8;
    bytes += 10 * static_cast<double>(request.shape.operand_size(request.pass, both_sides[i]));
    bytes += laid_out * groups * lines[i] * length;
  }
  return bytes;
}

/// The longest that may be formed, whatever the operands are.
std::int64_t chain_limit(const ProductRequest& request) {
  const ProductShape product = product_shape(request.shape, request.pass);
  const std::int64_t length = product.taps * (product.channels + product.channels % 2);
  const std::int64_t chain = request.accumulators.integer.chain;
  return std::min(length, chain == arith::chain_auto     ? arith::longest_proved_chain
                          : chain == arith::chain_to_end ? length
                                                         : chain);
}

std::string hash_of(const std::vector<float>& result) {
  formats::Hash64 hash;
  hash.bytes(result.data(), result.size() * sizeof(float));
  return hash.hex();
}

/// The longest there is: blocks end within every tap alike, and else chains go on from tap to tap.
std::int64_t longest_chain(const ProductRequest& request, const ProductReport& report) {
  const ProductShape product = product_shape(request.shape, request.pass);
  const std::int64_t period = product.channels + product.channels % 2;
  const auto block = [&](std::size_t i) {
    const kernels::Operand& operand = report.operands[i].operand;
    return operand.blocked ? operand.blocked->block() : operand.matrix ? operand.matrix->block : 0;
  };
  const std::int64_t chain = report.telemetry.chain_length;
  if (block(0) == 0 && block(1) == 0) {
    const std::int64_t length = product.taps * period;
    return chain == arith::chain_to_end ? length : std::min(chain, length);
  }
  std::int64_t longest = 0;
  for (const arith::Chain& cut : arith::cut({period, period, block(0), block(1)}, chain)) {
    longest = std::max(longest, cut.end - cut.begin);
  }
  return longest;
}

/// Computes the product into `report.result`, which the caller has poisoned.
void multiply_once(const ProductRequest& request, ProductReport& report) {
  const auto start = std::chrono::steady_clock::now();
  kernels::multiply({request.shape, request.pass, report.operands[0].operand, report.operands[1].operand,
                     request.accumulators, result_bits(request.seed)},
                    request.engine, report.result, kernels::TelemetryLevel::full, report.telemetry, request.kernel);
  report.seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
}

}  // namespace

formats::OperandKind ProductRequest::meet() const {
  return formats::meeting(sides[0].conversion.format->kind(), sides[1].conversion.format->kind());
}

double ProductReport::median() const {
  const std::size_t half = seconds.size() / 2;
  return seconds.size() % 2 == 0 ? (seconds[half - 1] + seconds[half]) / 2 : seconds[half];
}

double ProductReport::gmacs() const {
  return static_cast<double>(macs) / median() / 1e9;
}

formats::RandomBits result_bits(std::uint32_t seed) {
  return {seed, formats::Stream::rounding, 0, formats::tensor_id("product/result"), 0};
}

OperandRequest operand_request(const ProductRequest& request, std::size_t side) {
  return {std::string(side_names[side]), request.shape.operand_size(request.pass, both_sides[side]),
          *request.sides[side].conversion.format, chain_limit(request), request.seed};
}

void check_size(const ProductRequest& request) {
  request.shape.check("the product");
  const ProductShape product = product_shape(request.shape, request.pass);
  const double products = static_cast<double>(product.groups) * static_cast<double>(product.rows) *
                          static_cast<double>(product.columns) * static_cast<double>(product.taps) *
                          static_cast<double>(product.channels + 1);
  if (products > 0x1p62) {
    throw UserError(fmt::format("the product has {:.1e} steps, more than 2^62; give smaller sizes", products));
  }
  const double needed = most_memory(request, product);
  const double there = memory_of_machine();
  if (needed > there) {
    throw UserError(
        fmt::format("the product needs up to {:.1f} GiB of memory, and this machine has {:.1f} GiB; give smaller sizes",
                    needed / 0x1p30, there / 0x1p30));
  }
}

ProductReport run_product(const ProductRequest& request) {
  check_size(request);
  ProductReport report;
  report.macs = request.shape.macs();
  for (std::size_t i = 0; i < 2; ++i) {
    const SideRequest& side = request.sides[i];
    report.operands[i] = build_operand(request.shape, request.pass, both_sides[i], side.conversion, *side.source,
                                       operand_request(request, i), request.meet());
  }
  const ProductShape product = product_shape(request.shape, request.pass);
  report.result.resize(static_cast<std::size_t>(product.groups * product.rows * product.columns));
  std::vector<float> first;
  try {
    for (int turn = 0; turn < request.repeat; ++turn) {
      std::fill(report.result.begin(), report.result.end(), std::numeric_limits<float>::quiet_NaN());
      multiply_once(request, report);
      if (turn == 0 && request.repeat > 1) {
        first = report.result;
      }
      PRECSIM_CHECK(turn == 0 || std::memcmp(first.data(), report.result.data(), first.size() * sizeof(float)) == 0,
                    fmt::format("repetition {} gives other bits than the first", turn));
    }
  } catch (const kernels::OutputDifference& difference) {
    report.difference = {std::string(difference.other), difference.index, difference.simulated, difference.different};
    return report;
  }
  std::sort(report.seconds.begin(), report.seconds.end());
  report.longest_chain = request.is_integer() ? longest_chain(request, report) : 0;
  if (report.telemetry.measured) report.whole_error = whole_error(request, report);
  report.result_hash = hash_of(report.result);
  return report;
}

}  // namespace precsim::product
