// Fuzzes the names of accumulators. The input is the name.
#include "sim/arith/accumulator.hpp"

#include "tests/fuzz/target.hpp"
#include "tests/fuzz/targets.hpp"

namespace precsim::fuzz {

/// A name that is accepted has a canonical form, which reads back to itself, of the integer and of the other kind.
void accumulator(std::string_view input) {
  arith::IntegerAccumulator integer;
  if (accepts([&] { integer = arith::parse_integer_accumulator(input); })) {
    promise(arith::parse_integer_accumulator(integer.name()) == integer, integer.name());
    const bool chain_fits = integer.chain % arith::chain_multiple(integer.atom) == 0;
    promise(chain_fits || integer.chain == arith::chain_auto, integer.name());
  }
  arith::FloatAccumulator floating;
  if (accepts([&] { floating = arith::parse_float_accumulator(input); })) {
    promise(arith::parse_float_accumulator(floating.name()).name() == floating.name(), floating.name());
  }
}

}  // namespace precsim::fuzz
