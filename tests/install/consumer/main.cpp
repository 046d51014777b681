// A program that uses the installed library: converts five numbers to INT16 with a shared exponent and prints them.
#include <array>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <precsim/formats/catalogue.hpp>
#include <precsim/formats/convert.hpp>

int main() {
  try {
    using namespace precsim::formats;
    constexpr std::array<float, 5> numbers = {1.0F, -0.5F, 0.1F, 2.0e-4F, 0.0F};
    const Conversion conversion = parse_conversion("dfp16:headroom=1");
    const ConvertedArray converted = convert(numbers, numbers.size(), conversion, RandomBits{}, "numbers");

    std::printf("%s exponent %d\n", conversion.name().c_str(), converted.exponents.at(0));
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      std::printf("%g -> %d -> %.9g\n", static_cast<double>(numbers[i]), converted.codes.at(i),
                  static_cast<double>(converted.values.at(i)));
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "consumer: %s\n", error.what());
    return 1;
  }
  return 0;
}
