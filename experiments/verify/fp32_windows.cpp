// Windows of FP32 inputs.
#include "experiments/verify/fp32_windows.hpp"

#include <fmt/format.h>

#include "experiments/verify/float_support.hpp"

namespace precsim::verify {
namespace {

constexpr int window_bits = 12;
constexpr int part_bits = 16;
constexpr std::uint64_t all_windows = std::uint64_t{1} << (32 - window_bits);
constexpr std::uint64_t windows_of_part = std::uint64_t{1} << (part_bits - window_bits);

}  // namespace

void visit_fp32(Run& run, int quick, int standard, int full, const WindowBody& body) {
  const int bits = run.by_depth(quick, standard, full);
  const bool all = bits == 32;
  const std::uint64_t parts = std::uint64_t{1} << (bits - part_bits);
  const std::uint64_t stride = all ? 1 : 0x9e375;
  const std::uint64_t offset = all ? 0 : scramble(run.seed());
  run.parallel(parts, [&](std::uint64_t part, Tally& tally) {
    for (std::uint64_t i = part * windows_of_part; i < (part + 1) * windows_of_part; ++i) {
      const std::uint64_t window = (i * stride + offset) % all_windows;
      body(static_cast<std::uint32_t>(window << window_bits), 1u << window_bits, tally);
    }
  });
  if (all) {
    run.covers("all 2^32 inputs");
    return;
  }
  run.parallel(256, [&](std::uint64_t exponent_field, Tally& tally) {
    const auto center = static_cast<std::uint32_t>(exponent_field << 23);
    const std::uint32_t below = exponent_field == 0 ? 0 : 1u << 7;
    for (const std::uint32_t sign : {0u, 1u << 31}) {
      body((sign | center) - below, (1u << 7) + below, tally);
    }
  });
  run.covers(fmt::format(
      "2^{} of 2^32 inputs in seeded aligned windows of 4096 consecutive ones, and 2^8 around every power of two",
      bits));
}

}  // namespace precsim::verify
