// Tests that every row of element-wise kernels equals the plain definitions in every bit, over odd sizes.
#include "sim/kernels/elementwise.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "sim/kernels/tile.hpp"
#include "tests/support/array_support.hpp"

namespace precsim::kernels {
namespace {

using support::Sample;
using Floats = std::vector<float>;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr std::int64_t most_channels = 150;
constexpr PixelRun runs[] = {{1, 1},   {3, 3},      {5, 6, 9}, {7, 16},       {2, 31},
                             {56, 64}, {4, 65, 70}, {3, 100},  {2, 143, 150}, {0, 5}};
constexpr std::int64_t counts[] = {0, 1, 2, 3, 5, 8, 15, 16, 17, 31, 33, 64, 127, 200};

/// Numbers of every size and sign, and many that are equal, zero or minus zero.
Floats draw(std::size_t size, Sample& sample) {
  Floats x;
  for (std::size_t i = 0; i < size; ++i) {
    const auto kind = sample.below(8);
    x.push_back(kind == 0   ? 0.0f
                : kind == 1 ? -0.0f
                : kind == 2 ? 1.5f
                            : sample.normal_float(kind == 3 ? -126 : -6, 6));
  }
  return x;
}

void expect_same(const Floats& a, const Floats& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(std::bit_cast<std::uint32_t>(a[i]), std::bit_cast<std::uint32_t>(b[i]))
        << i << ": " << a[i] << ' ' << b[i];
  }
}

/// Calls f(kernel) for every row that this CPU can run; they must be those that it must be able to run.
void for_rows(const std::function<void(const ElementwiseKernel&)>& f) {
  std::set<std::string> ran;
  for (const TileKernel& row : tile_kernels()) {
    if (row.usable() && ran.insert(std::string(row.arrays)).second) {
      SCOPED_TRACE(row.name);
      f(*row.elementwise);
    }
  }
  const std::vector<std::string> required = support::required_array_kernels();
  EXPECT_EQ(ran, std::set<std::string>(required.begin(), required.end()));
}

struct Operands {
  PixelRun run;
  Floats x, g, mean, inv_std, scale, shift, mean_gradient, mean_product;

  Operands(const PixelRun& r, Sample& sample) : run(r) {
    const auto size = static_cast<std::size_t>(r.pixels * r.distance);
    x = draw(size, sample);
    g = draw(size, sample);
    for (Floats* v : {&mean, &inv_std, &scale, &shift, &mean_gradient, &mean_product}) {
      *v = draw(most_channels, sample);
    }
  }
  BatchNormTerms terms() const {
    return {mean.data(), inv_std.data(), scale.data(), mean_gradient.data(), mean_product.data()};
  }
  /// f(element, channel), the values between pixels and channels left out.
  template <class F>
  void each(F f) const {
    for (std::int64_t p = 0; p < run.pixels; ++p) {
      for (std::int64_t c = 0; c < run.channels; ++c) {
        f(static_cast<std::size_t>(p * run.distance + c), static_cast<std::size_t>(c));
      }
    }
  }
  float xhat(std::size_t i, std::size_t c) const {
    const float centered = x[i] - mean[c];
    return centered * inv_std[c];
  }
};

TEST(Elementwise, PixelFunctionsEqualTheirDefinitions) {
  for_rows([](const ElementwiseKernel& kernel) {
    Sample sample(7);
    for (const PixelRun& run : runs) {
      const Operands o(run, sample);
      Floats affine = o.x, scaled = o.x, biased = o.x, gradient = o.g;
      o.each([&](std::size_t i, std::size_t c) {
        const float product = o.x[i] * o.scale[c];
        affine[i] = product + o.shift[c];
        scaled[i] = o.x[i] * 0.3f;
        biased[i] = o.x[i] + o.shift[c];
        const float part = o.xhat(i, c) * o.mean_product[c];
        const float centered = o.g[i] - o.mean_gradient[c];
        gradient[i] = o.scale[c] * (centered - part);
      });
      Floats y = o.x;
      kernel.affine(run, y.data(), o.scale.data(), o.shift.data(), y.data());
      expect_same(y, affine);
      y = o.x;
      kernel.scale(run, 0.3f, y.data());
      expect_same(y, scaled);
      y = o.x;
      kernel.add_bias(run, o.shift.data(), y.data());
      expect_same(y, biased);
      y = o.g;
      kernel.batch_norm_gradient(run, o.terms(), o.x.data(), y.data(), y.data());
      expect_same(y, gradient);
    }
  });
}

TEST(Elementwise, SumsEqualTheirDefinitions) {
  for_rows([](const ElementwiseKernel& kernel) {
    Sample sample(8);
    for (const PixelRun& run : runs) {
      const Operands o(run, sample);
      const Floats start = draw(most_channels, sample);
      Floats sums = start, squares = start, min(start.size(), infinity), max(start.size(), -infinity);
      Floats gradients = start, products = start, largest(start.size(), 0.0f);
      float absmax = 0;
      o.each([&](std::size_t i, std::size_t c) {
        sums[c] += o.x[i];
        const float square = o.x[i] * o.x[i];
        squares[c] += square;
        min[c] = o.x[i] < min[c] ? o.x[i] : min[c];
        max[c] = o.x[i] > max[c] ? o.x[i] : max[c];
        gradients[c] += o.g[i];
        const float product = o.g[i] * o.xhat(i, c);
        products[c] += product;
        absmax = std::max(absmax, std::fabs(o.x[i]));
        largest[c] = std::max(largest[c], std::fabs(o.g[i]));
      });
      Floats a = start, b = start, low(start.size(), infinity), high(start.size(), -infinity);
      kernel.statistics(run, o.x.data(), {a.data(), b.data(), low.data(), high.data()});
      expect_same(a, sums);
      expect_same(b, squares);
      expect_same(low, min);
      expect_same(high, max);
      a = start;
      kernel.sum(run, o.x.data(), a.data());
      expect_same(a, sums);
      a = b = start;
      low.assign(start.size(), 0.0f);
      kernel.gradient_sums(run, o.terms(), o.x.data(), o.g.data(), a.data(), b.data(), low.data());
      expect_same(a, gradients);
      expect_same(b, products);
      expect_same(low, largest);
      expect_same({kernel.absmax(run, o.x.data())}, {absmax});
    }
  });
}

TEST(Elementwise, MasksAndSumsOfTwoEqualTheirDefinitions) {
  for_rows([](const ElementwiseKernel& kernel) {
    Sample sample(9);
    for (const std::int64_t count : counts) {
      const auto size = static_cast<std::size_t>(count);
      Floats a = draw(size + 1, sample);
      const Floats b = draw(size + 1, sample);
      std::vector<std::int16_t> codes;
      for (std::size_t i = 0; i <= size; ++i) {
        codes.push_back(static_cast<std::int16_t>(sample.below(3) == 0 ? 0 : sample.word()));
      }
      a[0] = std::bit_cast<float>(0x7fc00000u);
      Floats rectified = a, sum = a, by_codes = b, by_values = b;
      for (std::size_t i = 0; i < size; ++i) {
        rectified[i] = a[i] > 0 ? a[i] : 0.0f;
        sum[i] = a[i] + b[i];
        by_codes[i] = codes[i] > 0 ? b[i] : 0.0f;
        by_values[i] = a[i] > 0 ? b[i] : 0.0f;
      }
      Floats y = a;
      kernel.rectify(count, y.data(), y.data());
      expect_same(y, rectified);
      y = a;
      kernel.add(count, a.data(), b.data(), y.data());
      expect_same(y, sum);
      y = b;
      kernel.mask_by_codes(count, codes.data(), y.data(), y.data());
      expect_same(y, by_codes);
      y = b;
      kernel.mask_by_values(count, a.data(), b.data(), y.data());
      expect_same(y, by_values);
    }
  });
}

TEST(Elementwise, TheFirstMaximumWinsAndTakesTheGradient) {
  constexpr std::uint8_t taps[] = {0, 1, 2, 200, 255};
  for_rows([&](const ElementwiseKernel& kernel) {
    Sample sample(10);
    for (const std::int64_t count : counts) {
      const auto size = static_cast<std::size_t>(count);
      Floats y(size + 1, -7), expected = y;
      std::vector<std::uint8_t> winners(size + 1, 77), won = winners;
      for (const std::uint8_t tap : taps) {
        Floats x = draw(size, sample);
        if (size > 2) {
          x[tap % 3] = std::bit_cast<float>(0x7fc00000u);
        }
        kernel.raise_maximum(count, x.data(), tap, y.data(), winners.data());
        for (std::size_t i = 0; i < size; ++i) {
          if (tap == 0 || x[i] > expected[i]) {
            expected[i] = x[i];
            won[i] = tap;
          }
        }
      }
      expect_same(y, expected);
      ASSERT_EQ(winners, won);
      Floats dx(size + 1, -0.0f), sums = dx;
      for (const std::uint8_t tap : taps) {
        const Floats dy = draw(size, sample);
        kernel.add_to_winners(count, winners.data(), tap, dy.data(), dx.data());
        for (std::size_t i = 0; i < size; ++i) {
          sums[i] = won[i] == tap ? sums[i] + dy[i] : sums[i];
        }
      }
      expect_same(dx, sums);
    }
  });
}

TEST(Elementwise, SgdEqualsItsDefinition) {
  const SgdRule rules[] = {{1, 0, 0, 0.1f, false},
                           {1024, 1e-4f, 0.9f, 0.05f, false},
                           {0x1p127f, 0.5f, 0.9f, 3, true},
                           {0x1p-130f, 0, 0.3f, 1, true},
                           {3, 1e-4f, 0, 0.7f, false}};
  for_rows([&](const ElementwiseKernel& kernel) {
    Sample sample(11);
    for (const SgdRule& rule : rules) {
      for (const std::int64_t count : counts) {
        const auto size = static_cast<std::size_t>(count);
        const Floats gradient = draw(size, sample);
        Floats velocity = draw(size + 1, sample), weights = draw(size + 1, sample);
        Floats v = velocity, w = weights;
        float most_g = 0;
        float most_w = 0;
        for (std::size_t i = 0; i < size; ++i) {
          float g = gradient[i] / rule.loss_scale;
          if (rule.weight_decay != 0) {
            const float decay = rule.weight_decay * w[i];
            g = g + decay;
          }
          float u = g;
          if (rule.momentum != 0) {
            v[i] = rule.momentum * v[i];
            v[i] = v[i] + g;
            const float ahead = rule.momentum * v[i];
            u = rule.nesterov ? g + ahead : v[i];
          }
          u = rule.lr * u;
          w[i] = w[i] - u;
          const auto larger = [](float a, float b) {
            return std::bit_cast<float>(
                std::max(std::bit_cast<std::uint32_t>(a), std::bit_cast<std::uint32_t>(std::fabs(b))));
          };
          most_g = larger(most_g, g);
          most_w = larger(most_w, w[i]);
        }
        const SgdExtent extent =
            kernel.sgd(rule, count, gradient.data(), rule.momentum == 0 ? nullptr : velocity.data(), weights.data());
        if (!std::isnan(most_w)) {
          expect_same(weights, w);
          expect_same(velocity, v);
          expect_same({extent.weights}, {most_w});
        }
        ASSERT_EQ(std::isnan(extent.weights), std::isnan(most_w));
        expect_same({extent.gradient}, {most_g});
      }
    }
  });
}

TEST(Elementwise, ExtentsShowWhatIsNotFinite) {
  for_rows([](const ElementwiseKernel& kernel) {
    for (std::size_t bad = 0; bad < 37; ++bad) {
      Floats gradient(37, 1), velocity(37, 0), weights(37, 1);
      gradient[bad] = bad % 2 == 0 ? -infinity : std::bit_cast<float>(0xffc00000u);
      EXPECT_EQ(std::isnan(kernel.absmax({1, 37}, gradient.data())), bad % 2 != 0);
      EXPECT_FALSE(std::isfinite(kernel.absmax({1, 37}, gradient.data())));
      const SgdExtent extent =
          kernel.sgd({.momentum = 0.5f, .lr = 1}, 37, gradient.data(), velocity.data(), weights.data());
      EXPECT_FALSE(std::isfinite(extent.gradient));
      EXPECT_FALSE(std::isfinite(extent.weights));
    }
  });
}

}  // namespace
}  // namespace precsim::kernels
