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
      kernel.batch_norm_gradient(run, o.terms(), o.x.data(), {y.data()}, y.data());
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
      kernel.gradient_sums(run, o.terms(), o.x.data(), {o.g.data()}, a.data(), b.data(), low.data());
      expect_same(a, gradients);
      expect_same(b, products);
      expect_same(low, largest);
      expect_same({kernel.absmax(run, o.x.data())}, {absmax});
    }
  });
}

TEST(Elementwise, AMaskOnAGradientEqualsAMaskedGradient) {
  for_rows([](const ElementwiseKernel& kernel) {
    Sample sample(11);
    for (const PixelRun& run : runs) {
      const Operands o(run, sample);
      const Floats output = draw(o.g.size(), sample);
      std::vector<std::int16_t> codes;
      for (const float y : output) {
        codes.push_back(y > 0 ? 7 : y < 0 ? -7 : 0);
      }
      Floats plain(o.g.size());
      const auto count = static_cast<std::int64_t>(plain.size());
      kernel.mask(count, {.numbers = o.g.data(), .values = output.data()}, plain.data());
      const auto results = [&](const MaskedNumbers& g) {
        Floats dx(o.g.size()), sums(most_channels), products(most_channels), largest(most_channels);
        kernel.batch_norm_gradient(run, o.terms(), o.x.data(), g, dx.data());
        kernel.gradient_sums(run, o.terms(), o.x.data(), g, sums.data(), products.data(), largest.data());
        for (const Floats* more : {&sums, &products, &largest}) {
          dx.insert(dx.end(), more->begin(), more->end());
        }
        return dx;
      };
      const Floats expected = results({plain.data()});
      expect_same(results({.numbers = o.g.data(), .codes = codes.data()}), expected);
      expect_same(results({.numbers = o.g.data(), .values = output.data()}), expected);
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
      kernel.mask(count, {.numbers = y.data(), .codes = codes.data()}, y.data());
      expect_same(y, by_codes);
      y = b;
      kernel.mask(count, {.numbers = b.data(), .values = a.data()}, y.data());
      expect_same(y, by_values);
    }
  });
}

/// Windows of rows x columns taps whose pixels are `gap` apart in the result.
struct WindowCase {
  WindowRun run;
  Floats x, y;
  std::vector<std::uint8_t> winners;

  WindowCase(std::int64_t channels, std::int64_t pixels, std::int64_t rows, std::int64_t columns, Sample& sample)
      : run{.pixels = pixels,
            .channels = channels,
            .distance = 2 * channels,
            .advance = 3 * channels,
            .rows = rows,
            .columns = columns,
            .row_distance = (3 * pixels + columns) * channels,
            .column_distance = channels,
            .place = 250,
            .row_places = -20,
            .column_places = -3} {
    x = draw(static_cast<std::size_t>((rows + 1) * run.row_distance), sample);
    for (std::size_t i = 0; i < x.size(); i += 5) {
      x[i] = std::bit_cast<float>(0x7fc00000u);
    }
    y.assign(static_cast<std::size_t>(pixels * run.distance), -7);
    winners.assign(std::max(x.size(), y.size()), 77);
  }
  /// f(result, tap, place, is the first tap), in order.
  template <class F>
  void each_tap(F f) const {
    for (std::int64_t i = 0; i < run.pixels * run.channels; ++i) {
      const std::int64_t p = i / run.channels, c = i % run.channels;
      for (std::int64_t t = 0; t < run.rows * run.columns; ++t) {
        const std::int64_t row = t / run.columns, column = t % run.columns;
        f(static_cast<std::size_t>(p * run.distance + c),
          static_cast<std::size_t>(p * run.advance + row * run.row_distance + column * run.column_distance + c),
          static_cast<std::uint8_t>(run.place + row * run.row_places + column * run.column_places), t == 0);
      }
    }
  }
};

/// Calls f(kernel, case) for windows of many sizes on every row.
void for_windows(const std::function<void(const ElementwiseKernel&, WindowCase&, Sample&)>& f) {
  for_rows([&](const ElementwiseKernel& kernel) {
    Sample sample(10);
    for (const std::int64_t channels : {1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 17, 20, 31, 32, 47, 64, 65, 100, 150}) {
      for (const std::int64_t taps : {11, 12, 21, 22, 33, 54}) {
        SCOPED_TRACE(channels * 100 + taps);
        WindowCase of(channels, 1 + channels % 4, taps / 10, taps % 10, sample);
        f(kernel, of, sample);
      }
    }
  });
}

TEST(Elementwise, TheFirstMaximumOfAWindowWins) {
  for_windows([](const ElementwiseKernel& kernel, WindowCase& of, Sample&) {
    Floats y = of.y;
    std::vector<std::uint8_t> winners = of.winners;
    of.each_tap([&](std::size_t i, std::size_t tap, std::uint8_t place, bool first) {
      if (first || of.x[tap] > y[i]) {
        y[i] = of.x[tap];
        winners[i] = place;
      }
    });
    kernel.window_maximum(of.run, of.x.data(), of.y.data(), of.winners.data());
    expect_same(of.y, y);
    ASSERT_EQ(of.winners, winners);
  });
}

TEST(Elementwise, WindowsAreAddedInOrder) {
  for_windows([](const ElementwiseKernel& kernel, WindowCase& of, Sample& sample) {
    of.x = draw(of.x.size(), sample);
    for (std::uint8_t& winner : of.winners) {
      winner = static_cast<std::uint8_t>(250 - 20 * sample.below(3) - 3 * sample.below(3));
    }
    Floats sums = of.y, won = of.y;
    of.each_tap([&](std::size_t i, std::size_t tap, std::uint8_t place, bool first) {
      sums[i] = (first ? 0.0f : sums[i]) + of.x[tap];
      won[i] = (first ? 0.0f : won[i]) + (of.winners[tap] == place ? of.x[tap] : 0.0f);
    });
    Floats y = of.y;
    kernel.window_sum(of.run, of.x.data(), y.data());
    expect_same(y, sums);
    y = of.y;
    kernel.winner_sum(of.run, of.x.data(), of.winners.data(), y.data());
    expect_same(y, won);
    of.run.rows = 0;
    y.assign(y.size(), 0.0f);
    of.y = y;
    kernel.winner_sum(of.run, nullptr, nullptr, y.data());
    expect_same(y, of.y);
  });
}

TEST(Elementwise, LocalResponseNormalizationEqualsItsDefinition) {
  for_rows([](const ElementwiseKernel& kernel) {
    Sample sample(12);
    for (const PixelRun& run : runs) {
      for (const LrnRule rule : {LrnRule{}, LrnRule{1, 0.3f, 1.5f}, LrnRule{7, 2, 0.1f}}) {
        const Operands o(run, sample);
        Floats y = o.x, dx = o.g, terms(o.x.size()), bases = terms, factors = terms;
        const auto neighbors = [&](std::size_t i, std::size_t c, auto term) {
          float sum = 0;
          for (std::int64_t d = -(rule.size / 2); d <= rule.size / 2; ++d) {
            const std::int64_t j = static_cast<std::int64_t>(c) + d;
            sum += j >= 0 && j < run.channels ? term(i + static_cast<std::size_t>(d)) : 0.0f;
          }
          return sum;
        };
        const float alpha = rule.alpha / static_cast<float>(rule.size);
        o.each([&](std::size_t i, std::size_t c) {
          const float scaled = alpha * neighbors(i, c, [&](std::size_t j) { return o.x[j] * o.x[j]; });
          bases[i] = rule.k + scaled;
          const float root = std::sqrt(bases[i]);
          factors[i] = 1.0f / (root * std::sqrt(root));
          y[i] = o.x[i] * factors[i];
          terms[i] = (o.g[i] * y[i]) / bases[i];
        });
        o.each([&](std::size_t i, std::size_t c) {
          const float part = 1.5f * alpha * o.x[i] * neighbors(i, c, [&](std::size_t j) { return terms[j]; });
          const float own = o.g[i] * factors[i];
          dx[i] = own - part;
        });
        Floats scratch(static_cast<std::size_t>(rule.scratch(run.channels)), -7), found = o.x;
        kernel.lrn(rule, run, found.data(), scratch.data(), found.data());
        expect_same(found, y);
        found = o.g;
        kernel.lrn_gradient(rule, run, o.x.data(), found.data(), scratch.data(), found.data());
        expect_same(found, dx);
      }
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
