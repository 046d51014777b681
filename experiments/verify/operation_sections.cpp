// Sections: products, sums and fused multiply-adds of small floating-point formats.
#include <fmt/format.h>

#include <array>

#include "experiments/verify/hardware_convert.hpp"
#include "experiments/verify/operation_support.hpp"
#include "experiments/verify/tables.hpp"

namespace precsim::verify {
namespace {

constexpr int part_bits = 12;

/// How much of the structured operands a section visits.
struct Amount {
  std::uint64_t variants;  ///< of the fractions and signs, for every two exponents of a sum
  int triple_bits;         ///< 2^triple_bits triples
};

/// Calls body(triple, random, own, tally) for sums (b = 1) of every two exponents of the unit's values, then for seeded
/// triples, a and b from each of the formats in turn. `prepare` makes what a part needs of its own.
template <class Prepare, class Body>
void visit(Run& run, const Unit& unit, const std::vector<std::string>& operands, const Amount& amount,
           const Prepare& prepare, const Body& body) {
  const std::uint64_t seed = scramble(run.seed());
  const TellingValues values(unit.sum());
  const std::uint64_t row_sums = values.rows() * amount.variants;
  run.parallel(values.rows(), [&](std::uint64_t row, Tally& tally) {
    auto own = prepare();
    for (std::uint64_t i = 0; i < row_sums; ++i) {
      const std::uint64_t random = scramble(seed ^ (row << 32 | i));
      const Triple t{values.at(row, random >> 48), 1, values.at(i / amount.variants, random >> 32 & 0xffffu)};
      body(t, random, own, tally);
    }
  });
  std::vector<Triples> sources;
  for (const std::string& name : operands) {
    sources.emplace_back(target(name), unit.sum());
  }
  run.parallel(std::uint64_t{1} << (amount.triple_bits - part_bits), [&](std::uint64_t part, Tally& tally) {
    auto own = prepare();
    for (std::uint64_t i = part << part_bits; i < (part + 1) << part_bits; ++i) {
      const std::uint64_t random = scramble(seed + i);
      body(sources[i % sources.size()].draw(random), scramble(random + 1), own, tally);
    }
  });
  run.covers(fmt::format("sums of every two exponents with {} of the fractions and signs, 2^{} triples; seeded",
                         amount.variants, amount.triple_bits));
}

struct Nothing {};

/// Formats of 8 exponent bits have 60 times the pairs of exponents of those with 5.
Amount amount_of(const Run& run, const Unit& unit, int scale) {
  const bool wide = unit.sum().oracle.exponent_bits == 8;
  return {wide ? run.by_depth<std::uint64_t>(1, 8, 64) : run.by_depth<std::uint64_t>(16, 256, 2048),
          run.by_depth(15, 21, 26) - scale};
}

void hold_to_integers(Run& run, const std::string& name, const std::vector<std::string>& operands) {
  const Unit unit(name, every_mode({32, 8}));
  visit(
      run, unit, operands, amount_of(run, unit, 0), [] { return Nothing{}; },
      [&](const Triple& t, std::uint64_t random, Nothing&, Tally& tally) { unit.hold_to_integers(t, random, tally); });
}

void hold_to_mpfr(Run& run, const std::string& name, const std::vector<std::string>& operands) {
  const Unit unit(name, mpfr_modes());
  visit(
      run, unit, operands, amount_of(run, unit, 1), [&] { return Unit::Mpfr(unit); },
      [&](const Triple& t, std::uint64_t, Unit::Mpfr& mpfr, Tally& tally) { unit.hold_to_mpfr(t, mpfr, tally); });
}

void hold_fp32_to_fmaf(Run& run) {
  const Unit unit("fp32", {every_mode({}).front()});
  visit(
      run, unit, {"fp32", "fp16", "bf16"}, {run.by_depth<std::uint64_t>(4, 32, 512), run.by_depth(18, 24, 30)},
      [] { return Nothing{}; },
      [&](const Triple& t, std::uint64_t, Nothing&, Tally& tally) { unit.hold_to_fmaf(t, tally); });
}

/// Accumulators whose products have a format of their own.
constexpr std::array<const char*, 8> product_units{
    "fp32:product=fp16", "fp32:product=bf16",       "bf16:product=fp16",       "fp16:product=fp8_e5m2",
    "fp16:product=fp16", "fp32:product=fp8_e4m3fn", "fp8_e4m3fn:product=e5m7", "fp16:product=fp6_e3m2"};

Amount product_amount(const Run& run) {
  return {run.by_depth<std::uint64_t>(1, 1, 16), run.by_depth(13, 18, 23)};
}

void hold_products_to_integers(Run& run) {
  for (const char* name : product_units) {
    const Unit unit(name, every_mode({32, 8}));
    visit(
        run, unit, {"fp16", "bf16"}, product_amount(run), [] { return Nothing{}; },
        [&](const Triple& t, std::uint64_t random, Nothing&, Tally& tally) {
          unit.hold_to_integers(t, random, tally);
        });
  }
}

void hold_products_to_mpfr(Run& run) {
  for (const char* name : product_units) {
    const Unit unit(name, mpfr_modes());
    visit(
        run, unit, {"fp16", "bf16"}, product_amount(run), [&] { return Unit::Mpfr(unit); },
        [&](const Triple& t, std::uint64_t, Unit::Mpfr& mpfr, Tally& tally) { unit.hold_to_mpfr(t, mpfr, tally); });
  }
}

/// All a * b + c of an 8-bit format.
void hold_fp8(Run& run, const std::string& name) {
  const Unit unit(name, every_mode({32}));
  std::array<float, 256> values{};
  for (std::uint32_t code = 0; code < 256; ++code) {
    values[code] = oracle::fp32_of(unit.sum().oracle, code);
  }
  const int bits = run.by_depth(18, 24, 24);
  const std::uint64_t seed = scramble(run.seed());
  run.parallel(std::uint64_t{1} << (bits - part_bits), [&](std::uint64_t part, Tally& tally) {
    for (std::uint64_t i = part << part_bits; i < (part + 1) << part_bits; ++i) {
      const std::uint64_t codes = i * 0x9e3779b1u + seed;
      const Triple t{values[codes & 255], values[codes >> 8 & 255], values[codes >> 16 & 255]};
      unit.hold_to_integers(t, scramble(codes & 0xffffffu), tally);
    }
  });
  run.covers(bits == 24 ? "all 2^24 triples of codes, one random word each"
                        : fmt::format("2^{} of 2^24 triples of codes, seeded", bits));
}

/// Zeros, infinities, NaN, the smallest and the largest numbers in all places.
void hold_special_values(Run& run) {
  static constexpr std::array<const char*, 10> names{"fp32",
                                                     "fp16",
                                                     "bf16",
                                                     "tf32",
                                                     "fp8_e5m2",
                                                     "fp8_e4m3fn",
                                                     "fp16:overflow=saturate",
                                                     "fp8_e4m3fn:overflow=saturate",
                                                     "fp32:product=fp16",
                                                     "bf16:product=fp8_e4m3fn"};
  run.serial([](Tally& tally) {
    const TellingValues operands(target("fp16"));
    for (const char* name : names) {
      const Unit unit(name, every_mode({32}));
      const TellingValues sums(unit.sum());
      for (std::uint64_t i = 0; i < std::uint64_t{1} << 12; ++i) {
        const Triple t{operands.at(operands.rows() - 1, i & 15), operands.at(operands.rows() - 1, i >> 4 & 15),
                       sums.at(sums.rows() - 1, i >> 8)};
        unit.hold_to_integers(t, scramble(i), tally);
      }
    }
  });
  run.covers(fmt::format("2^12 chosen triples for each of {} accumulators, not seeded", names.size()));
}

constexpr std::string_view by_integers = "128-bit integers";
constexpr std::string_view every = "a * b + c rounded once, every rounding";
constexpr std::string_view four = "a * b + c rounded once, MPFR's four roundings";

constexpr std::array<Section, 21> table{{
    {"op/products/fp16/integers", "products of fp16 codes to fp16 in every rounding", by_integers, nullptr,
     hold_fp16_products_to_integers},
    {"op/products/fp16/fmaf", "products of fp16 codes to fp32, exactly", "the C library's fmaf", nullptr,
     hold_fp16_products_to_fmaf},
    {"op/products/fp16/f16c", "products of fp16 codes to fp16 in the CPU's four roundings", "FP32 product, VCVTPS2PH",
     f16c_obstacle, hold_fp16_products_to_cpu},
    {"op/products/fp16/mpfr", "products of fp16 codes to fp16 in MPFR's four roundings", "MPFR", mpfr_obstacle,
     hold_fp16_products_to_mpfr},
    {"op/directed", "midpoints plus or minus a trifle, where an FP32 FMA and a second rounding fail",
     "one known answer; odd integers", nullptr, hold_directed_cases},
    {"op/special", "zeros, infinities, NaN, smallest and largest numbers in all places", by_integers, nullptr,
     hold_special_values},
    {"op/fp16/integers", every, by_integers, nullptr,
     [](Run& run) {
       hold_to_integers(run, "fp16", {"fp16", "fp8_e5m2", "fp32"});
     }},
    {"op/fp16/mpfr", four, "MPFR", mpfr_obstacle,
     [](Run& run) {
       hold_to_mpfr(run, "fp16", {"fp16", "fp8_e5m2", "fp32"});
     }},
    {"op/bf16/integers", every, by_integers, nullptr,
     [](Run& run) {
       hold_to_integers(run, "bf16", {"bf16", "fp16", "fp32"});
     }},
    {"op/bf16/mpfr", four, "MPFR", mpfr_obstacle,
     [](Run& run) {
       hold_to_mpfr(run, "bf16", {"bf16", "fp16", "fp32"});
     }},
    {"op/fp8_e5m2/integers", every, by_integers, nullptr,
     [](Run& run) {
       hold_to_integers(run, "fp8_e5m2", {"fp16", "bf16"});
     }},
    {"op/fp8_e5m2/mpfr", four, "MPFR", mpfr_obstacle,
     [](Run& run) {
       hold_to_mpfr(run, "fp8_e5m2", {"fp8_e5m2", "fp16", "bf16"});
     }},
    {"op/fp8_e5m2/all", "all a * b + c of the format, every rounding", by_integers, nullptr,
     [](Run& run) { hold_fp8(run, "fp8_e5m2"); }},
    {"op/fp8_e4m3fn/integers", every, by_integers, nullptr,
     [](Run& run) {
       hold_to_integers(run, "fp8_e4m3fn", {"fp16", "bf16"});
     }},
    {"op/fp8_e4m3fn/mpfr", four, "MPFR", mpfr_obstacle,
     [](Run& run) {
       hold_to_mpfr(run, "fp8_e4m3fn", {"fp8_e4m3fn", "fp16", "bf16"});
     }},
    {"op/fp8_e4m3fn/all", "all a * b + c of the format, every rounding", by_integers, nullptr,
     [](Run& run) { hold_fp8(run, "fp8_e4m3fn"); }},
    {"op/fp32/integers", every, by_integers, nullptr,
     [](Run& run) {
       hold_to_integers(run, "fp32", {"fp32", "fp16", "bf16"});
     }},
    {"op/fp32/mpfr", four, "MPFR", mpfr_obstacle,
     [](Run& run) {
       hold_to_mpfr(run, "fp32", {"fp32", "fp16", "bf16"});
     }},
    {"op/fp32/fmaf", "a * b + c as an FP32 FMA", "the C library's fmaf", nullptr, hold_fp32_to_fmaf},
    {"op/product_format/integers", "a product format: two roundings, every rounding", by_integers, nullptr,
     hold_products_to_integers},
    {"op/product_format/mpfr", "a product format: two roundings, MPFR's four", "MPFR", mpfr_obstacle,
     hold_products_to_mpfr},
}};

}  // namespace

std::span<const Section> operation_sections() {
  return table;
}

}  // namespace precsim::verify
