// chain=auto against its definition, also where its bound is met with equality.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiments/verify/chain_cases.hpp"
#include "experiments/verify/integer_operands.hpp"

namespace precsim::verify {
namespace {

using arith::Atom;
using kernels::ConvShape;
using kernels::Pass;
using kernels::Side;
using support::Sample;

constexpr std::int64_t top = (std::int64_t{1} << 31) - 1;

std::string text(const oracle::LongestChain& chain) {
  return fmt::format("N = {}{}", chain.length, chain.proved ? "" : ", not proved");
}

/// The decision, alone and as a product takes it; whether chains of some fixed lengths are proved; and that no prefix
/// of a proved chain leaves the range.
void check_decision(Tally& tally, const IntegerCall& call, const std::string& what) {
  const Atom atom = call.accumulators.integer.atom;
  const std::int64_t shortest = arith::chain_multiple(atom);
  const oracle::IntegerProduct product = in_oracle_words(call);
  const oracle::LongestChain expected = oracle::longest_chain(product, shortest);
  const kernels::ProvedChain found = kernels::prove_chain(call.left, call.right, atom);
  std::vector<float> result(product.result.size());
  kernels::Telemetry telemetry;
  kernels::multiply(call.product(), result, kernels::TelemetryLevel::events, telemetry);
  const auto input = [&] { return fmt::format("{}, {}; output 0: {}", call.text(), what, call.operands_text(0)); };
  const bool equal = found.length == expected.length && found.proved == expected.proved &&
                     telemetry.chain_length == expected.length && telemetry.proved == expected.proved &&
                     (!expected.proved || telemetry.overflow_events == 0);
  tally.check(equal, [&] {
    return Mismatch{input(), text(expected),
                    fmt::format("{}; the product: {}, {} events", text({found.length, found.proved}),
                                text({telemetry.chain_length, telemetry.proved}), telemetry.overflow_events)};
  });
  if (expected.proved) {
    tally.check(oracle::stays_in_range(product, found.length), [&] {
      return Mismatch{input(), "no prefix leaves the range", fmt::format("one does with chains of {}", found.length)};
    });
  }
  for (const std::int64_t length : {std::int64_t{0}, std::int64_t{2}, std::int64_t{10}, std::int64_t{64}}) {
    const bool proves = oracle::norms_prove(product, length);
    tally.check(kernels::is_proved(call.left, call.right, length) == proves, [&] {
      return Mismatch{fmt::format("chains of {}: {}", length, input()), proves ? "proved" : "not proved",
                      proves ? "not proved" : "proved"};
    });
  }
}

IntegerCall auto_call(const ConvShape& shape, Pass pass, Atom atom, const std::string& origin) {
  return {shape, pass, {}, {}, {{atom, arith::OverflowRule::wrap, arith::chain_auto}, {}}, origin};
}

/// One line against one line; blocks of 0: one exponent.
IntegerCall line_by_line(const std::vector<std::int16_t>& a, const std::vector<std::int16_t>& b, Atom atom,
                         support::Sharing sharing, const std::string& origin, Sample& sample) {
  const ConvShape shape = ConvShape::gemm(1, 1, static_cast<std::int64_t>(a.size()));
  IntegerCall call = auto_call(shape, Pass::forward, atom, origin);
  call.left = support::integer_operand(shape, Pass::forward, Side::left, sharing, a, sample);
  call.right = support::integer_operand(shape, Pass::forward, Side::right, 0, b, sample);
  return call;
}

/// Convolutions and long matrix products with codes of any size.
void random_decision(Tally& tally, const std::string& origin, Sample& sample) {
  constexpr support::Sharing sharings[] = {0, 0, -1, 2, 4, 6, 32};
  const bool long_rows = sample.below(2) == 0;
  const auto few = [&] { return static_cast<std::int64_t>(1 + sample.below(4)); };
  const ConvShape shape = long_rows ? ConvShape::gemm(few(), few(), static_cast<std::int64_t>(1 + sample.below(1500)))
                                    : random_shape(sample);
  const Pass pass = long_rows ? Pass::forward : kernels::passes[sample.below(3)];
  IntegerCall call = auto_call(shape, pass, static_cast<Atom>(sample.below(3)), origin);
  const auto draw = [&](Side side) {
    const std::uint64_t shift = sample.below(10);
    const std::size_t size = support::operand_size(shape, pass, side);
    std::vector<std::int16_t> codes = adverse_codes(adversaries[sample.below(6)], size, sample);
    for (std::int16_t& code : codes) {
      code = static_cast<std::int16_t>(code >> shift);
    }
    if (sample.below(4) == 0) {
      codes[sample.below(size)] = -32768;
    }
    return support::integer_operand(shape, pass, side, sharings[sample.below(7)], codes, sample);
  };
  call.left = draw(Side::left);
  call.right = draw(Side::right);
  check_decision(tally, call, "seeded codes");
}

/// Codes of one magnitude m, the largest for which N * m^2 fits, and one more.
void even_codes(Tally& tally, const std::string& origin, Sample& sample) {
  for (std::int64_t n = 1; n <= 512; n *= 2) {
    const auto largest = static_cast<std::int64_t>(std::sqrt(static_cast<double>(top / n)));
    for (std::int64_t magnitude = largest - 1; magnitude <= std::min<std::int64_t>(largest + 1, 32768); ++magnitude) {
      std::vector<std::int16_t> codes(1024);
      for (std::int16_t& code : codes) {
        code = static_cast<std::int16_t>(magnitude == 32768 || sample.below(2) == 0 ? -magnitude : magnitude);
      }
      for (const Atom atom : {Atom::single, Atom::pair, Atom::pair4}) {
        for (const support::Sharing sharing : {0, 8, 64}) {
          check_decision(tally, line_by_line(codes, codes, atom, sharing, origin, sample),
                         fmt::format("codes +-{}", magnitude));
        }
      }
    }
  }
}

/// Up to four codes of these squares somewhere within the chain of `length` products that begins at `first`.
void place(std::vector<std::int16_t>& line, std::size_t first, std::size_t length,
           const std::vector<std::int32_t>& codes, Sample& sample) {
  std::vector<std::size_t> places;
  for (const std::int32_t code : codes) {
    std::size_t at = first + sample.below(length);
    while (code != 0 && std::find(places.begin(), places.end(), at) != places.end()) {
      at = first + (at + 1 - first) % length;
    }
    if (code != 0) {
      places.push_back(at);
      line[at] = static_cast<std::int16_t>(code);
    }
  }
}

/// s_b^2 of one line and the largest s_a^2 that it allows, less one, exactly, and more one: parallel lines where both
/// are equal, otherwise lines that only their norms tell about.
void bound_decision(Tally& tally, const std::string& origin, Sample& sample) {
  const bool parallel = sample.below(2) == 0;
  const std::int64_t squares_b =
      parallel ? top : 3 * (std::int64_t{1} << 29) + static_cast<std::int64_t>(sample.below(1u << 30));
  const auto limit = static_cast<std::int64_t>(oracle::Int128{top} * top / squares_b);
  const std::size_t length = std::size_t{4} << sample.below(8);
  const std::size_t first = length * sample.below(1024 / length);
  const support::Sample same_places = sample;
  std::vector<std::int16_t> b(1024);
  place(b, first, length, oracle::squares_to(squares_b), sample);
  for (std::int64_t squares_a = limit - 1; squares_a <= limit + 1; ++squares_a) {
    std::vector<std::int16_t> a(1024);
    support::Sample again = same_places;
    place(a, first, length, oracle::squares_to(squares_a), again);
    for (const Atom atom : {Atom::single, Atom::pair, Atom::pair4}) {
      const std::string what =
          fmt::format("sums of squares {} and {} in products {} to {}", squares_a, squares_b, first, first + length);
      check_decision(tally, line_by_line(a, b, atom, 0, origin, sample), what);
      check_decision(tally, line_by_line(b, a, atom, 64, origin, sample), what);
      for (std::int16_t& code : b) {
        code = static_cast<std::int16_t>(code == -32768 ? code : -code);
      }
    }
  }
}

/// Only the code -32768 on both sides leaves N = 2 unproved.
void unproved(Tally& tally, const std::string& origin, Sample& sample) {
  constexpr std::int16_t codes[] = {-32768, -32767, 32767, 0, 1};
  for (int pattern = 0; pattern < 625; ++pattern) {
    std::vector<std::int16_t> a(40);
    std::vector<std::int16_t> b(40);
    const std::size_t at = 2 * sample.below(20);
    a[at] = codes[pattern % 5];
    a[at + 1] = codes[pattern / 5 % 5];
    b[at] = codes[pattern / 25 % 5];
    b[at + 1] = codes[pattern / 125];
    for (const Atom atom : {Atom::single, Atom::pair, Atom::pair4}) {
      check_decision(tally, line_by_line(a, b, atom, 0, origin, sample),
                     fmt::format("codes {} {} and {} {} at {}", a[at], a[at + 1], b[at], b[at + 1], at));
    }
  }
}

}  // namespace

void longest_chains(Run& run) {
  constexpr int decisions = 6;
  const std::uint64_t parts = run.by_depth<std::uint64_t>(64, 1600, 64000);
  run.parallel(parts, [&](std::uint64_t part, Tally& tally) {
    Sample sample = sample_of(run, 23, part);
    for (int i = 0; i < decisions; ++i) {
      random_decision(tally, origin_of(run, 23, part), sample);
    }
  });
  run.covers(fmt::format("{} seeded products of any code size, sharing and group", parts * decisions));
}

void bounds(Run& run) {
  const std::uint64_t decisions = run.by_depth<std::uint64_t>(32, 960, 38400);
  run.parallel(decisions, [&](std::uint64_t part, Tally& tally) {
    Sample sample = sample_of(run, 24, part);
    bound_decision(tally, origin_of(run, 24, part), sample);
  });
  run.serial([&](Tally& tally) {
    Sample sample = sample_of(run, 25, 0);
    even_codes(tally, origin_of(run, 25, 0), sample);
    unproved(tally, origin_of(run, 25, 0), sample);
  });
  run.covers(
      fmt::format("equal codes at every N, -32768 in every pattern, {} seeded pairs of sums of squares", decisions));
}

}  // namespace precsim::verify
