// Sections: all 2^16 x 2^16 products of fp16 codes.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "experiments/verify/hardware_convert.hpp"
#include "experiments/verify/operation_support.hpp"

namespace precsim::verify {
namespace {

constexpr int batch_bits = 12;
constexpr std::size_t batch = std::size_t{1} << batch_bits;
using Batch = std::span<const Triple, batch>;

std::vector<float> all_fp16() {
  const oracle::Format fp16 = target("fp16").oracle;
  std::vector<float> values;
  for (std::uint32_t code = 0; code < 1u << 16; ++code) {
    values.push_back(oracle::fp32_of(fp16, code));
  }
  return values;
}

/// a * b with a zero to add that leaves the sign of a zero product alone.
Triple product_of(float a, float b) {
  return {a, b, std::signbit(a) != std::signbit(b) ? -0.0f : 0.0f};
}

/// Calls body(batch, tally) for 2^bits of the 2^32 products in batches: a seeded bijection of all of them, cut short.
template <class Body>
void visit_products(Run& run, int bits, const Body& body) {
  const std::vector<float> values = all_fp16();
  const std::uint64_t offset = scramble(run.seed());
  run.parallel(std::uint64_t{1} << (bits - 14), [&](std::uint64_t part, Tally& tally) {
    std::array<Triple, batch> triples{};
    for (std::uint64_t first = part << 14; first < (part + 1) << 14; first += batch) {
      for (std::uint64_t i = 0; i < batch; ++i) {
        const auto pair = static_cast<std::uint32_t>((first + i) * 0x9e3779b1u + offset);
        triples[i] = product_of(values[pair >> 16], values[pair & 0xffffu]);
      }
      body(Batch(triples), tally);
    }
  });
  run.covers(bits == 32 ? "all 2^32 pairs of codes" : fmt::format("2^{} of 2^32 pairs of codes, seeded", bits));
}

}  // namespace

void hold_fp16_products_to_integers(Run& run) {
  const Unit fp16("fp16", every_mode({32}));
  visit_products(run, run.by_depth(19, 25, 32), [&](Batch batch_of, Tally& tally) {
    for (const Triple& t : batch_of) {
      fp16.hold_to_integers(t, scramble(std::bit_cast<std::uint32_t>(t.a * t.b)), tally);
    }
  });
  run.covers(run.coverage() + ", one random word each");
}

void hold_fp16_products_to_fmaf(Run& run) {
  const Unit fp32("fp32", {every_mode({}).front()});
  visit_products(run, run.by_depth(19, 25, 32), [&](Batch batch_of, Tally& tally) {
    for (const Triple& t : batch_of) {
      fp32.hold_to_fmaf(t, tally);
    }
  });
}

void hold_fp16_products_to_cpu(Run& run) {
  const Target fp16 = target("fp16");
  std::vector<Mode> modes = every_mode({});
  std::erase_if(modes, [](const Mode& mode) { return !f16c_has(mode.library.mode); });
  visit_products(run, run.by_depth(19, 25, 32), [&](Batch batch_of, Tally& tally) {
    std::array<float, batch> products{};
    std::array<std::uint16_t, batch> expected{};
    std::transform(batch_of.begin(), batch_of.end(), products.begin(), [](const Triple& t) { return t.a * t.b; });
    for (const Mode& mode : modes) {
      const arith::FloatAccumulator accumulator{fp16.library, std::nullopt, mode.library};
      f16c_convert(products, expected, mode.library.mode);
      for (std::size_t i = 0; i < batch; ++i) {
        const Triple& t = batch_of[i];
        const float cpu = oracle::fp32_of(fp16.oracle, expected[i]);
        const float actual = arith::accumulate(accumulator, t.c, t.a, t.b, {});
        tally.check(same(actual, cpu), [&] {
          return Mismatch{fmt::format("fp16@{} {}", formats::name(mode.library), describe(t)), bits_and_value(cpu),
                          bits_and_value(actual)};
        });
      }
    }
  });
}

void hold_fp16_products_to_mpfr(Run& run) {
  const Unit fp16("fp16", mpfr_modes());
  visit_products(run, run.by_depth(17, 22, 32), [&](Batch batch_of, Tally& tally) {
    Unit::Mpfr mpfr(fp16);
    for (const Triple& t : batch_of) {
      fp16.hold_to_mpfr(t, mpfr, tally);
    }
  });
}

}  // namespace precsim::verify
