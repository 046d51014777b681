// The float accumulators of every instruction set, and formats as their lanes see them.
#include "sim/kernels/float_accumulate.hpp"

#include <bit>

#include "sim/kernels/float_accumulate_body.hpp"

namespace precsim::kernels {
namespace {

using formats::RoundingMode;

const LaneFormat<double>& fp32_lanes() {
  static const LaneFormat<double> lanes = lane_format<double>({}, {});
  return lanes;
}

#define PRECSIM_FLOAT_FUNCTIONS(attribute, bytes)                                                       \
  template <RoundingMode mode>                                                                          \
  attribute void narrow(const AccumulateTile<float>& tile, AccumulateState<float>& state) {             \
    float_body::accumulate<mode, float, bytes>(tile, state);                                            \
  }                                                                                                     \
  template <RoundingMode mode>                                                                          \
  attribute void wide(const AccumulateTile<double>& tile, AccumulateState<double>& state) {             \
    float_body::accumulate<mode, double, bytes>(tile, state);                                           \
  }                                                                                                     \
  attribute void fma(const AccumulateTile<float>& tile, AccumulateState<float>& state) {                \
    float_body::multiply_adds<bytes>(tile, state);                                                      \
  }                                                                                                     \
  template <class Real>                                                                                 \
  attribute void spill(const AccumulateState<Real>& state, const SpillScales& scales, SpillState& to) { \
    float_body::spill<bytes>(fp32_lanes(), state, scales, to);                                          \
  }                                                                                                     \
  attribute void exact(const ExactTile& tile, double(*sums)[tile_lanes]) {                              \
    float_body::exact<bytes>(tile, sums);                                                               \
  }

#if defined(__x86_64__)
namespace avx512 {
PRECSIM_FLOAT_FUNCTIONS(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), 64)
}
namespace avx2 {
PRECSIM_FLOAT_FUNCTIONS(__attribute__((target("avx2,fma"))), 32)
}
#endif
namespace portable {
PRECSIM_FLOAT_FUNCTIONS(, 16)
}

#define PRECSIM_FLOAT_ROW(isa)                                                               \
  {                                                                                          \
    isa::fma, isa::spill<float>, isa::spill<double>,                                         \
        {isa::narrow<RoundingMode::nearest_even>,                                            \
         isa::narrow<RoundingMode::nearest_away>,                                            \
         isa::narrow<RoundingMode::toward_zero>,                                             \
         isa::narrow<RoundingMode::toward_positive>,                                         \
         isa::narrow<RoundingMode::toward_negative>,                                         \
         isa::narrow<RoundingMode::to_odd>,                                                  \
         nullptr,                                                                            \
         isa::narrow<RoundingMode::biased>},                                                 \
        {isa::wide<RoundingMode::nearest_even>,    isa::wide<RoundingMode::nearest_away>,    \
         isa::wide<RoundingMode::toward_zero>,     isa::wide<RoundingMode::toward_positive>, \
         isa::wide<RoundingMode::toward_negative>, isa::wide<RoundingMode::to_odd>,          \
         isa::wide<RoundingMode::stochastic>,      isa::wide<RoundingMode::biased>},         \
        isa::exact                                                                           \
  }

}  // namespace

namespace floats {
#if defined(__x86_64__)
constexpr FloatKernel avx512 = PRECSIM_FLOAT_ROW(kernels::avx512);
constexpr FloatKernel avx2 = PRECSIM_FLOAT_ROW(kernels::avx2);
#endif
constexpr FloatKernel portable = PRECSIM_FLOAT_ROW(kernels::portable);
}  // namespace floats

template <class Real>
LaneFormat<Real> lane_format(const formats::FloatFormat& format, formats::Rounding rounding) {
  using Word = typename RealBits<Real>::Word;
  constexpr int beyond_every_format = 1000;
  const auto magnitude = [&](std::uint32_t code) {
    const auto value = static_cast<Real>(formats::decode(format, code & format.magnitude_mask()));
    return std::bit_cast<Word>(value);
  };
  LaneFormat<Real> lanes;
  lanes.smallest_normal = static_cast<Real>(formats::power_of_two(format.smallest_exponent()));
  lanes.dropped = RealBits<Real>::fraction_bits - format.fraction_bits;
  lanes.largest = magnitude(format.largest_code());
  lanes.above_positive = magnitude(encode(format, formats::Exact{false, 1, beyond_every_format}, rounding, 0));
  lanes.above_negative = magnitude(encode(format, formats::Exact{true, 1, beyond_every_format}, rounding, 0));
  return lanes;
}
template LaneFormat<float> lane_format(const formats::FloatFormat&, formats::Rounding);
template LaneFormat<double> lane_format(const formats::FloatFormat&, formats::Rounding);

template <class Real>
bool lanes_round(const formats::FloatFormat& format, formats::Rounding rounding) {
  constexpr int fewest_dropped = 3;
  const int dropped = RealBits<Real>::fraction_bits - format.fraction_bits;
  if (rounding.is_stochastic()) {
    return sizeof(Real) == sizeof(double) && dropped > rounding.bits;
  }
  return dropped >= fewest_dropped;
}
template bool lanes_round<float>(const formats::FloatFormat&, formats::Rounding);
template bool lanes_round<double>(const formats::FloatFormat&, formats::Rounding);

}  // namespace precsim::kernels
