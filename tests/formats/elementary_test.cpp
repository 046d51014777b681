// Elementary functions: error against long double, pinned bits, exact cases, specials, refused arguments.
#include "formats/elementary.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <tuple>
#include <vector>

#include "formats/error.hpp"
#include "formats/hash.hpp"
#include "formats/random_bits.hpp"

namespace precsim::formats {
namespace {

static_assert(std::numeric_limits<long double>::digits >= 64, "the reference needs more bits than double");

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double largest = std::numeric_limits<double>::max();
constexpr double smallest = std::numeric_limits<double>::denorm_min();
constexpr int draws = 20000;

std::uint64_t bits_of(double x) {
  return std::bit_cast<std::uint64_t>(x);
}

/// Uniform in [low, high), 64 random bits.
double uniform(std::uint64_t i, double low, double high) {
  const RandomBits random{.seed = 7, .stream = Stream::fill};
  const double word = random.word(2 * i) * 0x1p-32 + random.word(2 * i + 1) * 0x1p-64;
  return low + (high - low) * word;
}

/// Either sign, log-uniform magnitude in [2^low, 2^high).
double log_uniform(std::uint64_t i, double low, double high) {
  const double magnitude = std::exp2(uniform(i, low, high));
  return i % 2 == 0 ? magnitude : -magnitude;
}

/// |actual - expected| in units of the last place of `expected` as a double; 0 where both are the same infinity.
double ulp_error(double actual, long double expected) {
  const auto rounded = static_cast<double>(expected);
  if (std::isinf(rounded) || std::isinf(actual)) {
    return rounded == actual ? 0.0 : inf;
  }
  int exponent = -1021;
  if (rounded != 0.0) {
    std::frexp(rounded, &exponent);
  }
  const int unit = std::max(exponent - 53, -1074);
  return static_cast<double>(std::abs(std::ldexp(static_cast<long double>(actual) - expected, -unit)));
}

/// Every argument of `arguments` must have at most `bound` ulp of error, and the worst case must be a number.
template <class Function, class Reference>
void expect_within(double bound, const std::vector<double>& arguments, Function function, Reference reference) {
  ASSERT_GE(arguments.size(), static_cast<std::size_t>(draws));
  for (const double x : arguments) {
    const double error = ulp_error(function(x), reference(static_cast<long double>(x)));
    ASSERT_TRUE(error <= bound) << "x = " << std::hexfloat << x << ", error " << std::defaultfloat << error << " ulp";
  }
}

template <class Make>
std::vector<double> sample(Make make) {
  std::vector<double> arguments;
  arguments.reserve(draws);
  for (int i = 0; i < draws; ++i) {
    arguments.push_back(make(static_cast<std::uint64_t>(i)));
  }
  return arguments;
}

std::vector<double> joined(std::vector<double> a, const std::vector<double>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// Any positive finite double, all exponents alike, subnormals among them.
double any_positive(std::uint64_t i) {
  const RandomBits random{.seed = 8, .stream = Stream::fill};
  const std::uint64_t word = (std::uint64_t{random.word(2 * i)} << 32) | random.word(2 * i + 1);
  return std::bit_cast<double>(word % 0x7ff0000000000000u);
}

TEST(Elementary, ExpIsWithinOneUlp) {
  const auto wide = sample([](std::uint64_t i) { return uniform(i, -746.0, 711.0); });
  const auto small = sample([](std::uint64_t i) { return log_uniform(i, -60.0, 2.0); });
  expect_within(1.0, joined(wide, small), exp, [](long double x) { return std::exp(x); });
}

TEST(Elementary, LogIsWithinOneUlp) {
  const auto near_one = sample([](std::uint64_t i) { return 1.0 + log_uniform(i, -52.0, -1.0); });
  expect_within(1.0, joined(sample(any_positive), near_one), log, [](long double x) { return std::log(x); });
}

TEST(Elementary, Log10IsWithinOneUlp) {
  const auto near_one = sample([](std::uint64_t i) { return 1.0 + log_uniform(i, -52.0, -1.0); });
  expect_within(1.0, joined(sample(any_positive), near_one), log10, [](long double x) { return std::log10(x); });
}

TEST(Elementary, SinAndCosAreWithinOneUlp) {
  auto arguments = joined(sample([](std::uint64_t i) { return uniform(i, -0x1p20, 0x1p20); }),
                          sample([](std::uint64_t i) { return log_uniform(i, -60.0, 4.0); }));
  arguments.insert(arguments.end(), {0x1p20, -0x1p20});
  expect_within(1.0, arguments, sin, [](long double x) { return std::sin(x); });
  expect_within(1.0, arguments, cos, [](long double x) { return std::cos(x); });
}

TEST(Elementary, SinKeepsItsAccuracyNextToMultiplesOfPi) {
  // sin(n pi rounded) is the rounding error of the argument, and to first order nothing else.
  const long double pi = 3.14159265358979323846264338327950288L;
  const auto arguments =
      sample([pi](std::uint64_t i) { return static_cast<double>(pi * static_cast<long double>(i + 1)); });
  expect_within(1.0, arguments, sin, [](long double x) { return std::sin(x); });
}

TEST(Elementary, TanhIsWithinOneUlp) {
  const auto wide = sample([](std::uint64_t i) { return uniform(i, -25.0, 25.0); });
  const auto small = sample([](std::uint64_t i) { return log_uniform(i, -60.0, 1.0); });
  expect_within(1.0, joined(wide, small), tanh, [](long double x) { return std::tanh(x); });
}

TEST(Elementary, PowIsWithinTwoUlpOverTheWholeRangeOfResults) {
  for (int i = 0; i < 2 * draws; ++i) {
    const auto index = static_cast<std::uint64_t>(i);
    const double x = i % 2 == 0 ? any_positive(index) : uniform(index, 0.0, 3.0);
    const double y = uniform(index + 1000000u, -746.0, 711.0) / std::log(x);
    // The reference's own error, |y log x| units of its last place, stays below a third of ours.
    const double error = ulp_error(pow(x, y), std::pow(static_cast<long double>(x), static_cast<long double>(y)));
    ASSERT_TRUE(error <= 2.0) << std::hexfloat << "x = " << x << ", y = " << y << ", error " << error;
  }
}

TEST(Elementary, BitsArePinned) {
  struct Pin {
    const char* text;
    double value;
    std::uint64_t bits;
  };
  const Pin pins[] = {
      {"exp(1.0)", exp(1.0), 0x4005bf0a8b145769u},
      {"exp(-0.7)", exp(-0.7), 0x3fdfc80db9dd5542u},
      {"exp(709.7)", exp(709.7), 0x7fed75ae7a50ee14u},
      {"exp(-745.0)", exp(-745.0), 0x0000000000000001u},
      {"exp(1e-9)", exp(1e-9), 0x3ff000000044b830u},
      {"log(2.0)", log(2.0), 0x3fe62e42fefa39efu},
      {"log(0x1.fffffffffffffp-1)", log(0x1.fffffffffffffp-1), 0xbca0000000000000u},
      {"log(1e300)", log(1e300), 0x4085963447f87fb5u},
      {"log(0x1p-1074)", log(0x1p-1074), 0xc0874385446d71c3u},
      {"log10(2.0)", log10(2.0), 0x3fd34413509f79ffu},
      {"log10(7e-5)", log10(7e-5), 0xc0109e9e9e90e678u},
      {"sin(1.0)", sin(1.0), 0x3feaed548f090ceeu},
      {"sin(-100000.5)", sin(-100000.5), 0x3fdca7e13c8a7c7fu},
      {"sin(3.141592653589793)", sin(3.141592653589793), 0x3ca1a62633145c07u},
      {"sin(2.2)", sin(2.2), 0x3fe9df33d9aad708u},
      {"cos(1.0)", cos(1.0), 0x3fe14a280fb5068cu},
      {"cos(1.5707963267948966)", cos(1.5707963267948966), 0x3c91a62633145c07u},
      {"cos(1048575.0)", cos(1048575.0), 0x3fe937a45bd49642u},
      {"cos(-0.3)", cos(-0.3), 0x3fee921dd42f09bau},
      {"tanh(0.5)", tanh(0.5), 0x3fdd9353d7568af3u},
      {"tanh(-0.01)", tanh(-0.01), 0xbf847ab48ae4595eu},
      {"tanh(3.0)", tanh(3.0), 0x3fefd77d111a0b00u},
      {"pow(10.0, -3.0)", pow(10.0, -3.0), 0x3f50624dd2f1a9fcu},
      {"pow(0.9, 1000.5)", pow(0.9, 1000.5), 0x366e4af7aa00d59fu},
      {"pow(3.7e200, 1.53)", pow(3.7e200, 1.53), 0x7fa514e20d3e9cf1u},
      {"pow(1.0000001, -1e7)", pow(1.0000001, -1e7), 0x3fd78b5649b1fd2fu},
  };
  EXPECT_EQ(std::size(pins), 26u);
  for (const Pin& pin : pins) {
    EXPECT_EQ(bits_of(pin.value), pin.bits) << pin.text;
  }
}

/// A double of either sign with 2^low <= |x| < 2^high, all exponents alike, made without a C library's functions.
double of_octaves(std::uint64_t i, int low, int high) {
  const RandomBits random{.seed = 9, .stream = Stream::fill};
  const std::uint64_t word = (std::uint64_t{random.word(2 * i)} << 32) | random.word(2 * i + 1);
  const auto octave = static_cast<std::uint64_t>(1023 + low) + (word >> 52) % static_cast<std::uint64_t>(high - low);
  const double magnitude = std::bit_cast<double>((octave << 52) | (word & 0x000fffffffffffffu));
  return i % 2 == 0 ? magnitude : -magnitude;
}

/// The hash of the results for `many` arguments.
template <class Function>
std::uint64_t hash_of_bits(Function result_of) {
  constexpr std::uint64_t many = 1 << 17;
  Hash64 hash;
  for (std::uint64_t i = 0; i < many; ++i) {
    hash.integer(bits_of(result_of(i)));
  }
  return hash.value();
}

TEST(Elementary, BitsOfManyResultsArePinned) {
  const auto over = [](double (*function)(double), int low, int high) {
    return hash_of_bits([=](std::uint64_t i) { return function(of_octaves(i, low, high)); });
  };
  EXPECT_EQ(over(exp, -60, 10), 0x8c92d83596909105u);
  EXPECT_EQ(hash_of_bits([](std::uint64_t i) { return exp(uniform(i, -746.0, 711.0)); }), 0x240123e71cfb2fefu);
  EXPECT_EQ(hash_of_bits([](std::uint64_t i) { return log(any_positive(i)); }), 0xecd421b1084071f1u);
  EXPECT_EQ(hash_of_bits([](std::uint64_t i) { return log(1.0 + of_octaves(i, -52, -1)); }), 0x8caedcdda2736a90u);
  EXPECT_EQ(hash_of_bits([](std::uint64_t i) { return log10(any_positive(i)); }), 0xf4eff0f5aa6fd8a8u);
  EXPECT_EQ(hash_of_bits([](std::uint64_t i) { return log10(1.0 + of_octaves(i, -52, -1)); }), 0x12ac7588232db3b4u);
  EXPECT_EQ(over(sin, -30, 20), 0xc3c9944479af5f67u);
  EXPECT_EQ(hash_of_bits([](std::uint64_t i) { return sin(uniform(i, -0x1p20, 0x1p20)); }), 0x5370665fe840ea28u);
  EXPECT_EQ(over(cos, -30, 20), 0x54450794c4bd1e4bu);
  EXPECT_EQ(hash_of_bits([](std::uint64_t i) { return cos(uniform(i, -0x1p20, 0x1p20)); }), 0x279bc4278e76ba1fu);
  EXPECT_EQ(over(tanh, -30, 5), 0xefcc0b3e04d57089u);
  const auto any_power = [](std::uint64_t i) { return pow(any_positive(2 * i), of_octaves(2 * i + 1, -60, 10)); };
  EXPECT_EQ(hash_of_bits(any_power), 0x8c3cdd5b771d5289u);
  const auto power_of_one_and_a_bit = [](std::uint64_t i) {
    return pow(1.0 + of_octaves(2 * i, -50, -1), of_octaves(2 * i + 1, -10, 40));
  };
  EXPECT_EQ(hash_of_bits(power_of_one_and_a_bit), 0x3e2cb337ef53ab6cu);
}

/// A double at most 2^(places-1) units of the last place from `center`.
double beside(double center, std::uint64_t i, int places) {
  const RandomBits random{.seed = 10, .stream = Stream::fill};
  const std::uint64_t word = (std::uint64_t{random.word(2 * i)} << 32) | random.word(2 * i + 1);
  return std::bit_cast<double>(bits_of(center) + (word >> (64 - places)) - (std::uint64_t{1} << (places - 1)));
}

/// Where a reduction changes sides its rest is largest, and with it the part of the last terms of every series.
TEST(Elementary, BitsWhereReductionsChangeSidesArePinned) {
  constexpr double ln_2 = 0x1.62e42fefa39efp-1;
  constexpr double quarter_pi = 0x1.921fb54442d18p-1;
  constexpr double sqrt_2 = 0x1.6a09e667f3bcdp+0;
  const auto half_of = [](std::uint64_t i, std::uint64_t range) {
    return static_cast<double>(i % range) - 0.5 * static_cast<double>(range) + 0.5;
  };
  const auto odd_multiple = [](std::uint64_t i, std::uint64_t range) {
    return static_cast<double>(2 * (i % range) + 1);
  };
  for (const auto& [places, of_exp, of_tanh, of_log, of_log10, of_sin, of_cos] :
       {std::tuple(3, 0x605a99c7a8ef6b9fu, 0x26b181fa46ddac42u, 0xb09f28580ef70db6u, 0xc4febd29fb4a85c1u,
                   0xd6a6a91038006756u, 0xb8c946c22c5f6b20u),
        std::tuple(46, 0x301f5682ac80f7adu, 0x3d8a30d5f7af8339u, 0x1652fa4ae7ce0816u, 0x16efa7fed2892f7du,
                   0x806822d96fc158ebu, 0xe69bcde104450d3au)}) {
    const auto near = [places = places](double center, std::uint64_t i) { return beside(center, i, places); };
    EXPECT_EQ(hash_of_bits([&](std::uint64_t i) { return exp(near(ln_2 * half_of(i, 2000), i)); }), of_exp);
    EXPECT_EQ(hash_of_bits([&](std::uint64_t i) { return tanh(near(0.5 * ln_2 * half_of(i, 50), i)); }), of_tanh);
    EXPECT_EQ(hash_of_bits([&](std::uint64_t i) { return log(near(sqrt_2, i)); }), of_log);
    EXPECT_EQ(hash_of_bits([&](std::uint64_t i) { return log10(near(sqrt_2, i)); }), of_log10);
    EXPECT_EQ(hash_of_bits([&](std::uint64_t i) { return sin(near(quarter_pi * odd_multiple(i, 3), i)); }), of_sin);
    EXPECT_EQ(hash_of_bits([&](std::uint64_t i) { return cos(near(quarter_pi * odd_multiple(i, 3), i)); }), of_cos);
  }
}

TEST(Elementary, ExactResultsAreExact) {
  EXPECT_EQ(exp(0.0), 1.0);
  EXPECT_EQ(bits_of(log(1.0)), bits_of(0.0));
  EXPECT_EQ(cos(0.0), 1.0);
  double power_of_ten = 1.0;
  for (int k = 0; k <= 22; ++k, power_of_ten *= 10.0) {
    EXPECT_EQ(log10(power_of_ten), k);
    EXPECT_EQ(pow(10.0, k), power_of_ten);
  }
  EXPECT_EQ(log10(1e300), 300.0);
  EXPECT_EQ(pow(2.0, -1074.0), smallest);
  EXPECT_EQ(pow(2.0, 1023.0), 0x1p1023);
  EXPECT_EQ(pow(-3.0, 3.0), -27.0);
  EXPECT_EQ(pow(6.25, 0.5), 2.5);
}

TEST(Elementary, OddAndEvenFunctionsAreSymmetricToTheBit) {
  for (int i = 0; i < 1000; ++i) {
    const double x = uniform(static_cast<std::uint64_t>(i), -20.0, 20.0);
    ASSERT_EQ(bits_of(sin(-x)), bits_of(-sin(x))) << x;
    ASSERT_EQ(bits_of(tanh(-x)), bits_of(-tanh(x))) << x;
    ASSERT_EQ(bits_of(cos(-x)), bits_of(cos(x))) << x;
  }
}

TEST(Elementary, SpecialsOfTheOneArgumentFunctionsFollowAnnexF) {
  for (auto* function : {exp, log, log10, sin, cos, tanh}) {
    EXPECT_TRUE(std::isnan(function(nan)));
  }
  for (auto* function : {sin, tanh}) {
    EXPECT_EQ(bits_of(function(0.0)), bits_of(0.0));
    EXPECT_EQ(bits_of(function(-0.0)), bits_of(-0.0));
    EXPECT_EQ(function(smallest), smallest);
  }
  for (auto* function : {log, log10}) {
    EXPECT_EQ(function(0.0), -inf);
    EXPECT_EQ(function(-0.0), -inf);
    EXPECT_EQ(function(inf), inf);
    EXPECT_TRUE(std::isnan(function(-smallest)));
    EXPECT_TRUE(std::isnan(function(-inf)));
  }
  EXPECT_EQ(exp(-0.0), 1.0);
  EXPECT_EQ(exp(inf), inf);
  EXPECT_EQ(exp(largest), inf);
  EXPECT_EQ(bits_of(exp(-inf)), bits_of(0.0));
  EXPECT_EQ(bits_of(exp(-largest)), bits_of(0.0));
  EXPECT_EQ(tanh(inf), 1.0);
  EXPECT_EQ(tanh(-inf), -1.0);
  EXPECT_EQ(tanh(-largest), -1.0);
  EXPECT_TRUE(std::isnan(sin(inf)));
  EXPECT_TRUE(std::isnan(cos(-inf)));
}

TEST(Elementary, SpecialsOfPowFollowAnnexF) {
  struct Case {
    double x, y, result;
  };
  const Case cases[] = {
      {0.0, -3.0, inf},  {-0.0, -3.0, -inf}, {0.0, -2.5, inf}, {-0.0, -2.0, inf},       {0.0, -inf, inf},
      {0.0, 3.0, 0.0},   {-0.0, 3.0, -0.0},  {-0.0, 2.5, 0.0}, {-1.0, inf, 1.0},        {-1.0, -inf, 1.0},
      {1.0, nan, 1.0},   {1.0, -inf, 1.0},   {nan, 0.0, 1.0},  {nan, -0.0, 1.0},        {inf, -0.0, 1.0},
      {0.5, -inf, inf},  {-2.0, -inf, 0.0},  {0.5, inf, 0.0},  {-2.0, inf, inf},        {-inf, -3.0, -0.0},
      {-inf, -2.5, 0.0}, {-inf, 3.0, -inf},  {-inf, 2.5, inf}, {inf, -smallest, 0.0},   {inf, smallest, inf},
      {2.0, 1e6, inf},   {2.0, -1e6, 0.0},   {-2.0, 1e6, inf}, {-2.0, 1000001.0, -inf}, {largest, largest, inf},
      {-2.0, 0.5, nan},  {nan, 1.0, nan},    {2.0, nan, nan},  {-smallest, -0.5, nan},  {-2.0, -1000001.0, -0.0},
      {0.0, nan, nan},   {inf, nan, nan},    {-2.0, nan, nan},
  };
  EXPECT_EQ(std::size(cases), 38u);
  for (const Case& c : cases) {
    const double actual = pow(c.x, c.y);
    EXPECT_TRUE(std::isnan(c.result) ? std::isnan(actual) : bits_of(actual) == bits_of(c.result))
        << "pow(" << c.x << ", " << c.y << ") = " << actual;
  }
}

TEST(Elementary, SinAndCosRefuseArgumentsBeyondTheirReduction) {
  EXPECT_THROW(sin(0x1.0000000000001p20), CheckError);
  EXPECT_THROW(cos(-largest), CheckError);
}

}  // namespace
}  // namespace precsim::formats
