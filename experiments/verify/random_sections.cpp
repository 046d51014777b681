// Section: random bits.
#include <fmt/format.h>

#include <array>

#include "experiments/verify/float_support.hpp"
#include "experiments/verify/tables.hpp"
#include "formats/format.hpp"
#include "formats/random_bits.hpp"
#include "tests/oracle/philox_oracle.hpp"

namespace precsim::verify {
namespace {

using Counter = std::array<std::uint32_t, 4>;
using Key = std::array<std::uint32_t, 2>;

std::string text(const Counter& words) {
  return fmt::format("{:08x} {:08x} {:08x} {:08x}", words[0], words[1], words[2], words[3]);
}

void hold_block(const Counter& counter, const Key& key, const Counter& expected, Tally& tally) {
  const Counter block = formats::philox_block(counter, key);
  tally.check(block == expected, [&] {
    return Mismatch{fmt::format("counter {}, key {:08x} {:08x}", text(counter), key[0], key[1]), text(expected),
                    text(block)};
  });
}

/// The vectors that the authors of Random123 publish: zeros, ones, digits of pi.
void hold_published(Tally& tally) {
  constexpr std::uint32_t ones = 0xffffffffu;
  hold_block({0, 0, 0, 0}, {0, 0}, {0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}, tally);
  hold_block({ones, ones, ones, ones}, {ones, ones}, {0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu}, tally);
  hold_block({0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u}, {0xa4093822u, 0x299f31d0u},
             {0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u}, tally);
}

constexpr std::array<formats::Stream, 7> streams{formats::Stream::rounding,     formats::Stream::init,
                                                 formats::Stream::dropout,      formats::Stream::data_order,
                                                 formats::Stream::augmentation, formats::Stream::data_generation,
                                                 formats::Stream::fill};

/// The word of an element by itself, and as conversions read it.
void hold_word(const formats::RandomBits& bits, const oracle::WordSource& source, std::uint64_t element, Tally& tally) {
  const std::uint32_t expected = source.word(element);
  formats::WordReader reader(bits, {formats::RoundingMode::stochastic});
  reader(element ^ 1);
  for (const std::uint32_t word : {bits.word(element), reader(element)}) {
    tally.check(word == expected, [&] {
      return Mismatch{fmt::format("seed {} stream {} step {} tensor {:#x} use {} element {}", source.seed,
                                  source.stream, source.step, source.tensor, source.use, element),
                      hex(expected), hex(word)};
    });
  }
}

/// Elements of every magnitude, those around the powers of two from 2^2 to 2^41 among them.
std::uint64_t element_of(std::uint64_t random) {
  const std::uint64_t power = std::uint64_t{1} << (2 + random % 40);
  const std::uint64_t rest = random >> 8;
  return (random & 64) != 0 ? power + rest % 8 - 4 : rest % power;
}

void hold_random_bits(Run& run) {
  const int bits = run.by_depth(17, 22, 28);
  run.serial(hold_published);
  run.parallel(std::uint64_t{1} << (bits - 12), [&](std::uint64_t part, Tally& tally) {
    std::uint64_t random = scramble(run.seed() ^ scramble(part));
    const auto next = [&] { return static_cast<std::uint32_t>((random = scramble(random)) >> 32); };
    for (int i = 0; i < 1 << 12; ++i) {
      const Counter counter{next(), next(), next(), next()};
      const Key key{next(), next()};
      hold_block(counter, key, oracle::philox(counter, key), tally);
      const oracle::WordSource source{next(), next() % 7, next(), next(), next() % 256};
      hold_word({source.seed, streams[source.stream], source.step, source.tensor, source.use}, source,
                element_of(scramble(random)), tally);
    }
  });
  run.covers(fmt::format("the three published vectors; 2^{} seeded counters with keys, and elements below 2^42", bits));
}

constexpr std::array<Section, 1> table{{
    {"random/philox", "Philox4x32-10, and the words of elements by seed, stream, step, tensor and use",
     "the paper's rounds and vectors", nullptr, hold_random_bits},
}};

}  // namespace

std::span<const Section> random_sections() {
  return table;
}

}  // namespace precsim::verify
