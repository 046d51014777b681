// Operands and outputs of the tests of array kernels: edges of every binade, guarded arrays, the rows to exercise.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "formats/array_kernel.hpp"
#include "formats/cpu_features.hpp"
#include "tests/support/sample.hpp"

namespace precsim::support {

/// The rows that this CPU must be able to run, by its features and not by what the table says of itself.
inline std::vector<std::string> required_array_kernels() {
  std::vector<std::string> names;
  if (formats::cpu_features().avx512) {
    names.emplace_back("avx512");
  }
  if (formats::cpu_features().avx2) {
    names.emplace_back("avx2");
  }
  names.emplace_back("portable");
  return names;
}

/// Both signs of every exponent field, special ones too, with the mantissas at which roundings change their minds:
/// single bits, runs of ones, the neighbors of both, and some drawn bits.
inline std::vector<float> edges_of_every_binade(Sample& sample) {
  std::vector<std::uint32_t> mantissas = {0, 0x7fffffu, 0x2aaaaau, 0x555555u};
  for (int bit = 0; bit < 23; bit += slow_build ? 5 : 1) {
    const std::uint32_t one = 1u << bit;
    for (const std::uint32_t edge : {one, one - 1, one + 1, 0x800000u - one, 0x400000u | one, one * 3}) {
      mantissas.push_back(edge & 0x7fffffu);
    }
  }
  std::vector<float> x;
  for (std::uint32_t field = 0; field < 256; ++field) {
    for (const std::uint32_t mantissa : mantissas) {
      x.push_back(std::bit_cast<float>(field << 23 | mantissa));
      x.push_back(std::bit_cast<float>(0x80000000u | field << 23 | mantissa));
    }
    for (int i = 0; i < 4; ++i) {
      x.push_back(std::bit_cast<float>((sample.word() & 0x807fffffu) | field << 23));
    }
  }
  return x;
}

/// An array whose neighbors, and whose elements at first, are a poison that no conversion produces by accident.
template <class T>
class Guarded {
 public:
  explicit Guarded(std::size_t size, std::size_t offset = 0) : offset_(guard + offset), size_(size) {
    words_.assign(offset_ + size + guard, poison());
  }
  T* data() { return words_.data() + offset_; }
  T operator[](std::size_t i) const { return words_[offset_ + i]; }
  std::size_t size() const { return size_; }
  /// True iff nothing outside the elements [0, written) was touched.
  bool untouched_beyond(std::size_t written) const {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      const bool inside = i >= offset_ && i < offset_ + written;
      if (!inside && !same(words_[i], poison())) {
        return false;
      }
    }
    return true;
  }
  static bool same(T a, T b) {
    if constexpr (sizeof(T) == 4) {
      return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
    } else {
      return a == b;
    }
  }

 private:
  static constexpr std::size_t guard = 64;
  static T poison() {
    if constexpr (sizeof(T) == 4) {
      return std::bit_cast<T>(0xfff3c5a7u);
    } else {
      return static_cast<T>(0x5a3c);
    }
  }
  std::size_t offset_, size_;
  std::vector<T> words_;
};

}  // namespace precsim::support
